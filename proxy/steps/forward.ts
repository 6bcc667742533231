import { Refusal } from "../../base/errors.ts";
import { uuid7 } from "../../base/uuid7.ts";
import { type NarrowedAccept, narrowAccept } from "../../kubernetes/accept.ts";
import { canRender } from "../../kubernetes/body/encode.ts";
import { notAcceptable } from "../answer/masked-answer.ts";
import { isLog } from "../answer/redact-log.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent, outcomeEvent } from "../events.ts";
import type { Forwarded, Intended } from "../exchange.ts";
import { upstreamHeaders } from "../headers.ts";
import { HomeTime } from "../hold/home-time.ts";
import { conditionalBody } from "../precondition.ts";
import { requestStream } from "../request-stream.ts";
import { ClientGone, JudgeAgain } from "../step.ts";
import { isStreamed } from "../tunnel/upgrade.ts";
import { send, UpstreamFailure, type UpstreamResponse } from "../upstream.ts";

/** A client that leaves changes nothing of what it asked for: the record waits so long to learn what came of it. */
const HEAD_GRACE_MS = 30_000;

/**
 * Sends what was judged, with the gateway's own credential and exactly our headers, and with a precondition where
 * the verdict stands on what is stored. Nothing is ever sent twice under one Audit-ID.
 */
export async function forward(exchange: Intended, deps: Deps): Promise<Forwarded> {
  const { attributes, connection, req, upgrade } = exchange;
  const narrowed = narrow(exchange);
  const conditional = conditionalBody(exchange);
  let response: UpstreamResponse;
  try {
    const authorization = connection.credential.authorization(exchange.session);
    const credential = typeof authorization === "object" ? await authorization : authorization;
    if (exchange.signal.aborted) throw new ClientGone();
    exchange.sent = true;
    response = await send(connection.pool, {
      method: req.method ?? "GET",
      target: connection.prefix + attributes.target,
      headers: upstreamHeaders({
        client: req.headers,
        auditId: exchange.id,
        authorization: credential,
        identity: exchange.identity,
        config: connection.config,
        override: {
          ...(narrowed === undefined ? {} : { accept: narrowed.accept }),
          // What is looked into, or kept for an auditor to read, comes as it is: to inflate it here costs more than the
          // way from the API server.
          ...(narrowed === undefined && !isLog(exchange) && exchange.decision.record !== "RequestResponse"
            ? {}
            : { "accept-encoding": null }),
          ...(exchange.body === null ? {} : { "content-type": exchange.body.forwardContentType }),
        },
      }).concat(upgrade?.headers ?? []),
      ...(upgrade === undefined ? {} : { upgrade: upgrade.protocol }),
      body: conditional?.bytes ?? exchange.body?.forwardBytes ?? requestStream(req, deps.limits.bodyBytes),
      signal: exchange.signal,
      graceMs: HEAD_GRACE_MS,
    });
  } catch (error) {
    const neverSent = error instanceof UpstreamFailure ? error.neverSent : error instanceof Refusal;
    if (neverSent) {
      exchange.sent = false;
      await release(exchange, deps);
    }
    throw error;
  }
  if (response.status === 401) await refuseUnauthorized(exchange, response, deps);
  if (response.status === 409 && conditional?.ours === true) await judgeAgain(exchange, response, deps);
  // An exec that was not switched to a stream ran nothing.
  const neverRan = isStreamed(attributes) && response.status !== 101;
  if (neverRan || response.status === 409 || response.status === 422) await release(exchange, deps);
  noteUpsert(exchange, response, deps);
  if (exchange.signal.aborted) {
    Object.assign(exchange, { response });
    throw new ClientGone();
  }
  return Object.assign(exchange, { response, render: narrowed?.render ?? ("json" as const) });
}

/** What can be masked of what the client accepts. Asked before anything is sent: a write would have happened. */
function narrow({ attributes, decision, masker }: Intended): NarrowedAccept | undefined {
  if (masker === undefined) return undefined;
  const narrowed = narrowAccept(attributes.accept);
  // Of any resource its metadata alone has all encodings.
  const isMetadata = narrowed?.accept.includes(";as=Partial");
  if (narrowed === undefined || !(isMetadata || canRender(narrowed.render, attributes.group, attributes.version))) {
    throw notAcceptable({ decision });
  }
  return narrowed;
}

/**
 * It is the gateway's credential that the API server does not accept, not the caller's: a 401 would have kubectl
 * throw away a good token and log in again. The credential is read again at the next use.
 */
async function refuseUnauthorized(exchange: Intended, response: UpstreamResponse, deps: Deps): Promise<never> {
  exchange.connection.credential.invalidate(exchange.session);
  await release(exchange, deps);
  Object.assign(exchange, { response });
  throw new Refusal("credential-unavailable", "the API server did not accept the gateway's own credential (401)", {
    next: "Try again; if it stays, tell the operator of the gateway.",
  });
}

async function release(exchange: Intended, deps: Deps): Promise<void> {
  const { use, session, input } = exchange;
  if (use === undefined) return;
  const spentAs = exchange.spentAs ?? exchange.firstId;
  try {
    await new HomeTime(deps.log).of("release", () => deps.approvals.release(use.approval, use.n, spentAs));
  } catch {
    return; // logged; the use stays spent, and the API server's answer is the caller's all the same
  }
  if (exchange.upgrade !== undefined) {
    deps.secondAttempts.offer(session.id, input.request.digest, { approval: use.approval, spentAs });
  }
}

/** What was judged is no longer what is stored: this attempt is on record as it was, and the next has an id of its own. */
async function judgeAgain(exchange: Intended, response: UpstreamResponse, deps: Deps): Promise<never> {
  const body = await response.read(1_048_576);
  const event = outcomeEvent(exchange, response.status);
  deps.recorder.record({
    ...event,
    response_bytes: body.length,
    payload: { ...event.payload, judgedAgain: true },
  });
  exchange.id = uuid7();
  exchange.sent = false;
  exchange.input.request.uid = exchange.id;
  throw new JudgeAgain();
}

/** An upsert of what did not exist must create it; where it changed something instead, somebody was faster. */
function noteUpsert(exchange: Intended, response: UpstreamResponse, deps: Deps): void {
  const { attributes, facts, decision } = exchange;
  const upsert = attributes.verb === "update" || attributes.patchType === "apply";
  if (!upsert || facts.oldObject !== null || response.status !== 200) return;
  deps.recorder.record({
    ...exchangeEvent(exchange, "outcome.mismatch"),
    status: 200,
    payload: { decisionId: decision.decisionId, expected: 201 },
  });
}
