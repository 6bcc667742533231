import { Refusal } from "../../base/errors.ts";
import type { Masker } from "../../engine/mask/masker.ts";
import { answer } from "../answer.ts";
import type { Deps } from "../deps.ts";
import type { Answered, Forwarded } from "../exchange.ts";
import { answerHeaders } from "../headers.ts";
import { keepOpen } from "../keep-open.ts";
import { maskWatch } from "../mask-watch.ts";
import { renderAnswer } from "../masked-answer.ts";
import { passThrough } from "../pass-through.ts";

/** More than this of one masked answer is refused: it is parsed whole. */
const ANSWER_LIMIT = 67_108_864;

/**
 * Answers the client. What no mask can apply to streams through untouched; a masked answer is parsed, masked and
 * written anew, frame by frame where it is a watch. What cannot be masked is refused, never passed.
 */
export function mask(exchange: Forwarded, deps: Deps): Answered | Promise<Answered> {
  const forget = keepOpen(exchange, deps);
  const { masker } = exchange;
  const answered = masker === undefined ? passThrough(exchange) : masked(exchange, masker);
  if (answered instanceof Promise) return answered.finally(forget);
  forget();
  return answered;
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
  if ((response.headers["content-encoding"] ?? "identity") !== "identity") {
    throw refuseEncoding(exchange, "a compressed answer cannot be masked");
  }
  if (attributes.watch && response.status === 200) return await maskWatch(exchange, masker);
  return await maskWhole(exchange, masker);
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
  const { response, res, id, warnings } = exchange;
  const headers = answerHeaders(response.headers, id, warnings);
  delete headers["content-length"];
  delete headers.etag;
  await response.read(ANSWER_LIMIT);
  const cut = await answer(res, response.status, headers, Buffer.alloc(0), true);
  if (cut !== undefined) exchange.cut ??= cut;
  return Object.assign(exchange, { maskedFields: [], responseBytes: 0 });
}

async function maskWhole(exchange: Forwarded, masker: Masker): Promise<Answered> {
  const { response, res, id, warnings, decision, render } = exchange;
  const bytes = await response.read(ANSWER_LIMIT);
  const masked = masker.maskText(bytes.toString("utf8"));
  const body = renderAnswer(masked.value, render);
  const headers = answerHeaders(response.headers, id, warnings);
  headers["content-type"] =
    render === "yaml" ? "application/yaml" : (response.headers["content-type"] ?? "application/json");
  headers["content-length"] = String(body.length);
  const cut = await answer(res, response.status, headers, body, exchange.req.method === "HEAD");
  if (cut !== undefined) exchange.cut ??= cut;
  return Object.assign(exchange, {
    maskedFields: masked.maskedFields,
    responseBytes: body.length,
    ...(decision.record === "RequestResponse" ? { responseContent: body } : {}),
  });
}
