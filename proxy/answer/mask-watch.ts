import type { Masker } from "../../engine/mask/masker.ts";
import { encodeWatchFrame } from "../../kubernetes/body/encode.ts";
import type { Answered, Forwarded } from "../exchange.ts";
import type { BodyReader } from "./body-reader.ts";
import { maskedHeaders, notAcceptable } from "./masked-answer.ts";
import { MaskedFields } from "./masked-fields.ts";
import { streamAnswer } from "./stream-answer.ts";
import { WatchMask } from "./watch-mask.ts";

/** Masks a watch. It is never compressed: the API server compresses none either (handlers/watch.go). */
export async function maskWatch(exchange: Forwarded, masker: Masker, reader: BodyReader): Promise<Answered> {
  // There is no watch in YAML (k8s.io/apimachinery serializer: its stream serializer is JSON's alone).
  const { render } = exchange;
  if (render === "yaml") throw notAcceptable(exchange);
  const write = render === "json" ? undefined : (event: unknown) => encodeWatchFrame(event, render);
  const fields = new MaskedFields();
  const headers = maskedHeaders(exchange);
  const streamed = await streamAnswer(exchange, reader, new WatchMask(masker, fields, write), { headers });
  return Object.assign(exchange, { ...streamed, maskedFields: fields.list(), fingerprints: fields.fingerprints });
}
