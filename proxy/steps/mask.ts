import { Refusal } from "../../base/errors.ts";
import type { Masker } from "../../engine/mask/masker.ts";
import { answer } from "../answer/answer.ts";
import { decodedBody } from "../answer/answer-body.ts";
import { BodyReader } from "../answer/body-reader.ts";
import { openSink, unrecorded } from "../answer/content-sink.ts";
import { maskList } from "../answer/mask-list.ts";
import { maskWatch } from "../answer/mask-watch.ts";
import { maskedHeaders } from "../answer/masked-answer.ts";
import { passThrough } from "../answer/pass-through.ts";
import { redactLog } from "../answer/redact-log.ts";
import type { Deps } from "../deps.ts";
import type { Answered, Forwarded } from "../exchange.ts";
import { keepOpen } from "../keep-open.ts";
import { runTunnel, tunnelOf } from "../tunnel/run-tunnel.ts";
import { recordedPartOf } from "../withhold/recorded-answer.ts";

/**
 * Answers the client. What no mask can apply to streams through untouched; a masked answer is masked and written
 * anew, frame by frame where it is a watch and item by item where it is a long list. What cannot be masked is
 * refused, never passed.
 */
export function mask(exchange: Forwarded, deps: Deps): Answered | Promise<Answered> {
  const tunnelled = tunnelOf(exchange);
  if (tunnelled !== undefined) return runTunnel(tunnelled, deps);
  exchange.recordedPart = recordedPartOf(exchange, deps);
  if (exchange.decision.record === "RequestResponse") {
    exchange.openContent = () => openSink(exchange, deps, unrecorded(exchange, deps));
  }
  const forget = keepOpen(exchange, deps);
  const { masker } = exchange;
  const answered = masker === undefined ? unmasked(exchange, deps) : masked(exchange, masker);
  if (answered instanceof Promise) return answered.finally(forget);
  forget();
  return answered;
}

function unmasked(exchange: Forwarded, deps: Deps): Answered | Promise<Answered> {
  return redactLog(exchange, deps) ?? passThrough(exchange);
}

async function masked(exchange: Forwarded, masker: Masker): Promise<Answered> {
  const { attributes, response } = exchange;
  // A ValidatingAdmissionPolicy that warns can say any value of the object [measured on kube-apiserver 1.36.3].
  delete response.headers.warning;
  if (hasNoBody(exchange)) return await maskHead(exchange);
  const type = response.headers["content-type"] ?? "";
  if (!/^application\/json(;|$)/.test(type)) {
    throw refuseEncoding(exchange, `${type || "an answer without a type"} cannot be masked`);
  }
  const body = decodedBody(response);
  if (body === undefined) {
    throw refuseEncoding(exchange, `an answer in ${response.headers["content-encoding"]} cannot be masked`);
  }
  const reader = new BodyReader(body);
  if (attributes.watch && response.status === 200) return await maskWatch(exchange, masker, reader);
  return await maskList(exchange, masker, reader);
}

function refuseEncoding(exchange: Forwarded, why: string): Refusal {
  exchange.response.abort(new Error(why));
  return new Refusal("unmaskable", why, { decisionId: exchange.decision.decisionId });
}

/** RFC 9110 §6.4.1: these answers have no body, whatever their headers say. */
function hasNoBody({ req, response: { status } }: Forwarded): boolean {
  return req.method === "HEAD" || status === 204 || status === 304;
}

/** Passes the head alone, without the length and the fingerprint of a body that is not masked. */
async function maskHead(exchange: Forwarded): Promise<Answered> {
  const { response, res } = exchange;
  await response.read(0);
  const cut = await answer(res, response.status, maskedHeaders(exchange), Buffer.alloc(0), true);
  if (cut !== undefined) exchange.cut ??= cut;
  return Object.assign(exchange, { maskedFields: [], responseBytes: 0 });
}
