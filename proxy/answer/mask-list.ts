import type { Masker } from "../../engine/mask/masker.ts";
import type { Answered, Forwarded } from "../exchange.ts";
import type { BodyReader } from "./body-reader.ts";
import { acceptsGzip, GZIP_FROM, markGzip } from "./content-coding.ts";
import { ListMask } from "./list-mask.ts";
import { maskWhole } from "./mask-whole.ts";
import { maskedHeaders } from "./masked-answer.ts";
import { MaskedFields } from "./masked-fields.ts";
import { streamAnswer } from "./stream-answer.ts";

/**
 * What is parsed whole is no larger: an object (etcd holds 1.5 MiB by default, its JSON may be several times that),
 * a list in an order of fields that no API server has, or one for a client that reads no JSON.
 */
const WHOLE_LIMIT = 16_777_216;

/**
 * Masks an answer that is no watch. A list of more than GZIP_FROM bytes is masked item by item as it comes, with no
 * more than one of them held; whatever is smaller, or no list, is masked whole.
 */
export async function maskList(exchange: Forwarded, masker: Masker, reader: BodyReader): Promise<Answered> {
  const { attributes, render, req } = exchange;
  const mayStream = attributes.name === "" && render === "json";
  const opening = mayStream ? await readOpening(reader) : { chunks: [], ended: false };
  const begun = Buffer.concat(opening.chunks);
  if (opening.ended || !mayStream || !ListMask.takes(masker, begun)) {
    const rest = await reader.rest(WHOLE_LIMIT - begun.length);
    return await maskWhole(exchange, masker, Buffer.concat([begun, ...rest]));
  }
  const headers = maskedHeaders(exchange);
  const compress = acceptsGzip(req.headers);
  if (compress) markGzip(headers);
  const fields = new MaskedFields();
  const transform = new ListMask(masker, fields);
  const streamed = await streamAnswer(exchange, reader, transform, { headers, compress, opening: [begun] });
  return Object.assign(exchange, { ...streamed, maskedFields: fields.list(), fingerprints: fields.fingerprints });
}

/** The first bytes of a body: all of it where it is small, else enough to tell what it is. */
async function readOpening(reader: BodyReader): Promise<{ chunks: Buffer[]; ended: boolean }> {
  const chunks: Buffer[] = [];
  for (let size = 0; size <= GZIP_FROM; ) {
    const next = await reader.next();
    if (next === undefined) return { chunks, ended: true };
    chunks.push(...next);
    for (const chunk of next) size += chunk.length;
  }
  return { chunks, ended: false };
}
