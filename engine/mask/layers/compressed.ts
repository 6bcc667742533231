import { promisify } from "node:util";
import { constants, gunzip, inflate, inflateRaw, zstdDecompress } from "node:zlib";
import { mayInflate } from "./deflate.ts";
import { Layer, type Range, WHOLE } from "./layer.ts";

const unpack = {
  gzip: promisify(gunzip),
  zlib: promisify(inflate),
  deflate: promisify(inflateRaw),
  zstd: promisify(zstdDecompress),
};

/** Bytes that are compressed, and how. */
export interface Packed extends Range {
  kind: keyof typeof unpack;
}

/** Files of one archive that are looked at. */
const FILES = 64;
/** Of a file in a ZIP archive: what its header begins with, and how long that is without names (APPNOTE.TXT §4.3.7). */
const LOCAL = "PK\x03\x04";
const HEADER = 30;
const DEFLATED = 8;

/**
 * What of a part is compressed: RFC 1952 §2.3.1, RFC 1950 §2.2 (of the levels that are written), RFC 8878 §3.1.1, the files
 * of a ZIP archive, and what RFC 1951 writes without anything before it, where it begins as text does.
 */
export function packedIn(bytes: Buffer, at: number, length: number): Packed[] {
  if (length < 12) return [];
  const whole = (kind: Packed["kind"]): Packed[] => [{ kind, start: at, end: at + length }];
  const first = bytes[at];
  const second = bytes[at + 1];
  if (first === 0x1f && second === 0x8b && bytes[at + 2] === 8) return whole("gzip");
  if (first === 0x78 && (second === 0x01 || second === 0x5e || second === 0x9c || second === 0xda))
    return whole("zlib");
  if (first === 0x28 && second === 0xb5 && bytes[at + 2] === 0x2f && bytes[at + 3] === 0xfd) return whole("zstd");
  if (first === 0x50 && second === 0x4b && bytes[at + 2] === 3 && bytes[at + 3] === 4)
    return filesIn(bytes, at, length);
  return mayInflate(bytes, at, at + length) ? whole("deflate") : [];
}

function filesIn(bytes: Buffer, at: number, length: number): Packed[] {
  const found: Packed[] = [];
  const archive = bytes.subarray(at, at + length);
  for (let i = 0; i >= 0 && i + HEADER < length && found.length < FILES; i = archive.indexOf(LOCAL, i + 4, "latin1")) {
    const start = i + HEADER + archive.readUInt16LE(i + 26) + archive.readUInt16LE(i + 28);
    // What is not compressed stands there as it is. Where a file ends, its own bytes say.
    if (archive.readUInt16LE(i + 8) === DEFLATED && start < length) {
      found.push({ kind: "deflate", start: at + start, end: at + length });
    }
  }
  return found;
}

/**
 * What compressed bytes of a layer say, also where their end is missing; undefined where they are none, and "too large" where
 * it is more than `room` bytes. Off this thread.
 */
export async function decompressed(
  layer: Layer,
  { kind, start, end }: Packed,
  room: number,
): Promise<Layer | "too large" | undefined> {
  const packed = layer.bytes.subarray(start, end);
  const options = { maxOutputLength: Math.max(room, 1) };
  try {
    const bytes =
      kind === "zstd"
        ? await unpack.zstd(packed, options)
        : await unpack[kind](packed, { ...options, finishFlush: constants.Z_SYNC_FLUSH });
    const whole = { start, end, at: 0, length: bytes.length };
    return bytes.length === 0 ? undefined : new Layer(bytes, [whole], WHOLE, layer);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? "too large" : undefined;
  }
}
