import { promisify } from "node:util";
import { constants, gunzip, inflate, zstdDecompress } from "node:zlib";
import { Layer, type Range, WHOLE } from "./layer.ts";

const unpack = { gzip: promisify(gunzip), zlib: promisify(inflate), zstd: promisify(zstdDecompress) };

/** What compressed bytes begin with: RFC 1952 §2.3.1, RFC 1950 §2.2 (of the levels that are written), RFC 8878 §3.1.1. */
export function compressionOf(bytes: Uint8Array, at: number, length: number): keyof typeof unpack | undefined {
  if (length < 12) return undefined;
  const first = bytes[at];
  const second = bytes[at + 1];
  if (first === 0x1f && second === 0x8b && bytes[at + 2] === 8) return "gzip";
  if (first === 0x78 && (second === 0x01 || second === 0x5e || second === 0x9c || second === 0xda)) return "zlib";
  return first === 0x28 && second === 0xb5 && bytes[at + 2] === 0x2f && bytes[at + 3] === 0xfd ? "zstd" : undefined;
}

/**
 * What a part of a layer says once it is decompressed, also where its end is missing; undefined where it is nothing
 * compressed, and "too large" where it is more than `room` bytes. Off this thread.
 */
export async function decompressed(layer: Layer, part: Range, room: number): Promise<Layer | "too large" | undefined> {
  const packed = layer.bytes.subarray(part.start, part.end);
  const kind = compressionOf(packed, 0, packed.length);
  if (kind === undefined) return undefined;
  const options = { maxOutputLength: Math.max(room, 1) };
  try {
    const bytes =
      kind === "zstd"
        ? await unpack.zstd(packed, options)
        : await unpack[kind](packed, { ...options, finishFlush: constants.Z_SYNC_FLUSH });
    const whole = { ...part, at: 0, length: bytes.length };
    return bytes.length === 0 ? undefined : new Layer(bytes, [whole], WHOLE, layer);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? "too large" : undefined;
  }
}
