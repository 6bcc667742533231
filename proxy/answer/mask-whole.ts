import { isUtf8 } from "node:buffer";
import { Refusal } from "../../base/errors.ts";
import type { Masker } from "../../engine/mask/masker.ts";
import type { Answered, Forwarded } from "../exchange.ts";
import { answer } from "./answer.ts";
import { acceptsGzip, GZIP_FROM, gzipWhole, markGzip } from "./content-coding.ts";
import { wholeContent } from "./kept-body.ts";
import { maskedHeaders, renderAnswer } from "./masked-answer.ts";

/** Masks an answer that is here whole, and writes it anew. */
export async function maskWhole(exchange: Forwarded, masker: Masker, bytes: Buffer): Promise<Answered> {
  const { response, res, render, req } = exchange;
  // JSON is UTF-8 (RFC 8259 §8.1); readers differ in what they make of anything else.
  if (!isUtf8(bytes)) throw new Refusal("unmaskable", "the answer is not UTF-8");
  const masked = masker.maskText(bytes.toString("utf8"));
  const body = renderAnswer(masked.value, render);
  const headers = maskedHeaders(exchange);
  const compress = body.length > GZIP_FROM && acceptsGzip(req.headers);
  if (compress) markGzip(headers);
  const sent = compress ? await gzipWhole(body) : body;
  headers["content-length"] = String(sent.length);
  const cut = await answer(res, response.status, headers, sent, false);
  if (cut !== undefined) exchange.cut ??= cut;
  return Object.assign(exchange, {
    maskedFields: masked.maskedFields,
    fingerprints: masked.fingerprints,
    responseBytes: body.length,
    ...wholeContent(exchange, body),
  });
}
