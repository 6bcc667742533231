import { inflateRawSync } from "node:zlib";
import { malformed } from "../channels/malformed.ts";
import { HEADER_DICTIONARY, HEADER_DICTIONARY_ID } from "./dictionary.ts";

/** Kubernetes sends three headers a stream, in under 100 bytes. */
export const HEADERS_LIMIT = 64 * 1024;
/** How far back deflate can refer (RFC 1951, section 2). */
const WINDOW = 32 * 1024;
const ZLIB_HEADER = 6;
const FLUSHED = [0x00, 0x00, 0xff, 0xff];
/** An empty stored block with BFINAL set: it ends a deflate stream wherever a block may begin. */
const LAST_BLOCK = Uint8Array.of(0x01, 0x00, 0x00, 0xff, 0xff);

/**
 * Inflates the header blocks of one direction. They are one zlib stream over the whole connection, flushed after
 * each block, so that each can be inflated by itself, given the window that the blocks before it left. (node:zlib
 * has no synchronous stream, and a parser that waits for one would reorder frames.)
 *
 * A block must end where deflate's blocks do: otherwise what it means would depend on the bytes of the next, and
 * the peer, which inflates one continuous stream, could read other headers than we.
 */
export class HeaderInflater {
  private window: Uint8Array = HEADER_DICTIONARY;
  private started = false;

  inflate(block: Uint8Array): Uint8Array {
    const deflated = this.started ? block : withoutZlibHeader(block);
    this.started = true;
    if (!FLUSHED.every((byte, index) => deflated.at(index - FLUSHED.length) === byte)) {
      malformed("a SPDY header block does not end with a flush");
    }
    const inflated = inflateWhole(Buffer.concat([deflated, LAST_BLOCK]), this.window);
    this.window = Buffer.concat([this.window, inflated]).subarray(-WINDOW);
    return inflated;
  }
}

function withoutZlibHeader(block: Uint8Array): Uint8Array {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const named =
    block.length > ZLIB_HEADER &&
    ((block[0] ?? 0) & 0x0f) === 8 &&
    ((block[1] ?? 0) & 0x20) !== 0 &&
    view.getUint16(0) % 31 === 0 &&
    view.getUint32(2) === HEADER_DICTIONARY_ID;
  if (!named) malformed("the SPDY headers are not compressed with the dictionary of SPDY/3");
  return block.subarray(ZLIB_HEADER);
}

function inflateWhole(deflated: Uint8Array, dictionary: Uint8Array): Uint8Array {
  let result: { buffer: Buffer; engine: { bytesWritten: number } };
  try {
    // Its usual chunk of 16 KiB, for the hundred bytes of a block, costs twice as much as inflating them.
    // With `info`, node:zlib answers the engine too, whose bytesWritten counts what it read; the types lack it.
    result = inflateRawSync(deflated, {
      dictionary,
      maxOutputLength: HEADERS_LIMIT,
      chunkSize: 1024,
      info: true,
    }) as never;
  } catch (error) {
    const bomb = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    return malformed(
      bomb ? `SPDY headers inflate to more than ${HEADERS_LIMIT} bytes` : "a SPDY header block does not inflate",
    );
  }
  if (result.engine.bytesWritten !== deflated.length) malformed("a SPDY header block ends its zlib stream");
  return result.buffer;
}
