import { Refusal } from "../../base/errors.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import { contentTypeOf, encodeAnswer, type Render } from "../../kubernetes/body/encode.ts";
import type { Forwarded } from "../exchange.ts";
import { answerHeaders } from "../headers.ts";

/** A masked answer as the client reads it. Throws Refusal `not-acceptable` where the kind has no such form. */
export function renderAnswer(json: string, render: Render): Buffer {
  return render === "json" ? Buffer.from(json) : encodeAnswer(parseLossless(json), render);
}

/** What the headers of an answer say of the bytes of its body: no longer true of a masked one (RFC 9110 §8). */
const OF_THE_BYTES = ["content-length", "content-encoding", "etag", "last-modified", "accept-ranges", "digest"];

/** The headers of an answer whose body is not the upstream's. */
export function maskedHeaders({
  attributes,
  response,
  id,
  warnings,
  render,
}: Forwarded): Record<string, string | string[]> {
  const headers = answerHeaders(response.headers, id, warnings);
  for (const name of OF_THE_BYTES) delete headers[name];
  const isWatch = attributes.watch && response.status === 200;
  if (render !== "json") headers["content-type"] = contentTypeOf(render, isWatch);
  return headers;
}

/** The client takes no encoding in which the answer can be masked. */
export function notAcceptable({ decision }: Pick<Forwarded, "decision">): Refusal {
  return new Refusal(
    "not-acceptable",
    "the answer holds values to mask, and none of the accepted encodings can be masked",
    { decisionId: decision.decisionId, next: "Accept application/json." },
  );
}
