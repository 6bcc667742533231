import { Refusal } from "../../base/errors.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import { uuid7 } from "../../base/uuid7.ts";
import type { KubernetesObject } from "../../engine/input.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent, nowMs } from "../events.ts";
import type { Classified } from "../exchange.ts";
import { upstreamHeaders } from "../headers.ts";
import { ClientGone } from "../step.ts";
import { send, UpstreamFailure } from "../upstream.ts";

/** What the gateway itself asks of an API server must answer soon: somebody's request waits for it. */
const DEADLINE_MS = 10_000;
/** Of a list of Secrets that a deletecollection names, policy reads no more in its time; 60 MB took the main thread 6 s. */
const ANSWER_LIMIT = 16_777_216;

export interface Question {
  /** `oldObject`, `outcome`, `namespace`, … : said on record. */
  purpose: string;
  method: string;
  target: string;
  body?: { bytes: Uint8Array; contentType: string };
  /** The caller's own rights, or the gateway's read-only account. */
  as: "caller" | "gateway";
}

export interface Answer {
  status: number;
  json: KubernetesObject;
}

/**
 * One call that the gateway makes to know what it judges. It has an Audit-ID of its own and is on record as a
 * `gather` event that names its parent, so that the API server's audit log and ours still match one to one.
 */
export async function ask(exchange: Classified, question: Question, deps: Deps): Promise<Answer> {
  const { connection } = exchange;
  const id = uuid7();
  const started = nowMs();
  const asCaller = question.as === "caller";
  const { credential } = connection;
  const authorization = await (asCaller ? credential.authorization(exchange.session) : credential.own.authorization());
  const override = {
    accept: "application/json",
    "accept-encoding": null,
    "content-type": question.body?.contentType ?? null,
    "if-match": null,
    "if-modified-since": null,
    "if-none-match": null,
  };
  const headers = upstreamHeaders({
    client: exchange.req.headers,
    auditId: id,
    authorization,
    identity: asCaller ? exchange.identity : undefined,
    config: connection.config,
    override,
  });
  // What the gateway's own account reads may be waited for by others as well.
  const gone = (): boolean => asCaller && exchange.signal.aborted;
  if (gone()) throw new ClientGone();
  let status = 0;
  let forwarded = true;
  try {
    const response = await send(asCaller ? connection.pool : connection.ownPool, {
      method: question.method,
      target: connection.prefix + question.target,
      headers,
      body: question.body?.bytes ?? null,
      // Not with its client: what was asked is on record with what came of it.
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    status = response.status;
    if (status === 401) {
      if (asCaller) credential.invalidate(exchange.session);
      else credential.own.invalidate();
      response.abort(new Error("unauthorized"));
      throw new Refusal("credential-unavailable", "the API server did not accept the gateway's own credential (401)", {
        next: "Try again; if it stays, tell the operator of the gateway.",
      });
    }
    const answer = await response.read(ANSWER_LIMIT);
    if (gone()) throw new ClientGone();
    return { status, json: parseAnswer(answer) };
  } catch (error) {
    if (error instanceof UpstreamFailure && error.neverSent) forwarded = false;
    throw error;
  } finally {
    deps.recorder.record({
      ...exchangeEvent(exchange, "gather"),
      exchange_id: id,
      at_ms: started,
      effect: "",
      rules: [],
      status,
      duration_us: Math.round((nowMs() - started) * 1000),
      payload: {
        parent: exchange.id,
        purpose: question.purpose,
        method: question.method,
        as: question.as,
        forwarded,
      },
    });
  }
}

function parseAnswer(body: Buffer): KubernetesObject {
  try {
    const json = parseLossless(body.toString("utf8"));
    if (json !== null && typeof json === "object" && !Array.isArray(json)) return json as KubernetesObject;
  } catch (cause) {
    throw new Refusal("outcome-unknown", "the API server's answer to the gateway's own question is no JSON", { cause });
  }
  throw new Refusal("outcome-unknown", "the API server's answer to the gateway's own question is no object");
}
