import { malformed } from "../channels/malformed.ts";

/** Kubernetes sends at most three (streamType, port, requestID). */
const HEADER_COUNT_LIMIT = 64;
/** In lower case (draft 3.1, section 2.6.10); spdystream refuses bytes beyond ASCII too, by way of strings.ToLower. */
const NAME = /^[!-@[-~]+$/;

/**
 * A name/value block (SPDY draft 3.1, section 2.6.10): a count, then each name and value with its length, all of
 * 32 bits. The block must end with the last value: Go's reader takes what is left over as the next block's beginning.
 */
export function parseHeaderBlock(block: Uint8Array): Map<string, string> {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  let offset = 0;
  const number = (): number => {
    if (offset + 4 > block.length) malformed("a SPDY header block is cut off");
    const value = view.getUint32(offset);
    offset += 4;
    return value;
  };
  const text = (): string => {
    const length = number();
    if (length > block.length - offset) malformed("a SPDY header is longer than its block");
    const value = Buffer.from(block.buffer, block.byteOffset + offset, length).toString("latin1");
    offset += length;
    return value;
  };
  const headers = new Map<string, string>();
  const count = number();
  if (count > HEADER_COUNT_LIMIT) malformed(`a SPDY header block has more than ${HEADER_COUNT_LIMIT} headers`);
  for (let index = 0; index < count; index++) {
    const name = text();
    if (!NAME.test(name)) malformed("the name of a SPDY header is empty, or not of ASCII in lower case");
    if (headers.has(name)) malformed("a SPDY header is repeated");
    headers.set(name, text());
  }
  if (offset !== block.length) malformed("a SPDY header block is longer than its headers");
  return headers;
}
