import { Refusal } from "../../base/errors.ts";
import { createStreamRedactor, type StreamRedactor } from "../../engine/mask/redact-stream.ts";
import { queryBoolean } from "../../kubernetes/query.ts";
import type { Deps } from "../deps.ts";
import type { Answered, Forwarded } from "../exchange.ts";
import { decodedBody } from "./answer-body.ts";
import { BodyReader } from "./body-reader.ts";
import { maskedHeaders } from "./masked-answer.ts";
import { type BodyTransform, streamAnswer } from "./stream-answer.ts";

/** After so long a person who reads along waits for what is held back. */
const QUIET_MS = 100;

/** Whether the answer is a pod's log: text that its programs wrote, whatever they know. */
export function isLog({ attributes: { group, resource, subResource } }: Pick<Forwarded, "attributes">): boolean {
  return group === "" && resource === "pods" && subResource === "log";
}

/**
 * A pod's log with the values overwritten that its session must not see; undefined where the answer is no log, or
 * nothing is known and none is to come.
 */
export function redactLog(exchange: Forwarded, deps: Deps): Promise<Answered> | undefined {
  if (!isLog(exchange) || exchange.response.status !== 200) return undefined;
  const known = deps.knownValues.of(exchange.session.id);
  // What a followed log says later may be what its session gets to know later.
  if (known.size === 0 && known.complete && !queryBoolean(exchange.attributes.query.follow)) return undefined;
  // Where the caller says how long the log is, it may end in the middle of a value.
  const mayCut = exchange.attributes.query.limitBytes !== undefined;
  return redacted(exchange, createStreamRedactor(known), mayCut);
}

async function redacted(exchange: Forwarded, redactor: StreamRedactor, mayCut: boolean): Promise<Answered> {
  const body = decodedBody(exchange.response);
  if (body === undefined) throw new Refusal("unmaskable", "a compressed log cannot be searched");
  const headers = maskedHeaders(exchange);
  const streamed = await streamAnswer(exchange, new BodyReader(body), redaction(redactor, mayCut), { headers });
  return Object.assign(exchange, {
    ...streamed,
    maskedFields: redactor.maskedFields,
    fingerprints: redactor.fingerprints,
  });
}

/** `mayCut`: what could begin a value when the log ends is overwritten too; byte by byte it would tell the value. */
function redaction(redactor: StreamRedactor, mayCut: boolean): BodyTransform {
  const some = (bytes: Uint8Array): Buffer[] =>
    bytes.length === 0 ? [] : [Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)];
  return {
    push: (chunk) => some(redactor.push(chunk)),
    quiet: () => some(redactor.flush()),
    end: () => some(mayCut ? Buffer.alloc(redactor.flush().length, "*") : redactor.flush()),
    get quietMs() {
      return redactor.held === 0 || mayCut ? undefined : QUIET_MS;
    },
  };
}
