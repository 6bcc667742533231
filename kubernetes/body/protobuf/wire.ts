import protobuf from "protobufjs/minimal.js";
import { type RawNumber, rawNumber } from "../../../base/lossless-json.ts";
import { decodeUtf8, malformed } from "../json.ts";
import type { Scalar } from "./schema.ts";

/** Wire types (protobuf.dev/programming-guides/encoding). Groups (3, 4) and fixed32 (5) stand in no built-in kind. */
export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;

/** How each scalar stands on the wire. */
export const WIRE_TYPES: Record<Scalar, number> = {
  string: BYTES,
  bytes: BYTES,
  bool: VARINT,
  int32: VARINT,
  int64: VARINT,
  double: FIXED64,
};

const INT32_MAX = 2 ** 31 - 1;
const INT32_MIN = -(2 ** 31);
const REPLACEMENT = "\uFFFD";

/**
 * Reads protobuf, never past `end`: the end of the message that is being read. What a lenient reader would cut to size
 * or skip is refused. Throws Refusal `malformed-body`, and whatever protobufjs throws where the bytes end early.
 */
export class WireReader {
  readonly #reader: protobuf.Reader;
  readonly #bytes: Buffer;
  end: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#reader = protobuf.Reader.create(this.#bytes);
    this.end = bytes.byteLength;
  }

  /** Whether the message goes on. */
  more(): boolean {
    const { pos } = this.#reader;
    if (pos > this.end) throw malformed("a field of its protobuf is longer than the message that it stands in");
    return pos < this.end;
  }

  /** Field number and wire type: `id << 3 | type`. */
  tag(): number {
    return this.#reader.tag();
  }

  integer(): number | RawNumber {
    const { pos } = this.#reader;
    const first = this.#bytes[pos];
    if (first !== undefined && first < 0x80) {
      this.#reader.pos = pos + 1;
      return first;
    }
    // Without its optional part "long", protobufjs would give doubles.
    const value = this.#reader.int64();
    if (typeof value === "number") throw new Error("protobufjs reads no 64-bit integers");
    const { high, low } = value;
    const number = high * 2 ** 32 + (low >>> 0);
    if (Number.isSafeInteger(number)) return number;
    return rawNumber(((BigInt(high) << 32n) | BigInt(low >>> 0)).toString());
  }

  /** gogo keeps the low 32 bits of a longer one; no encoder writes it. */
  int32(): number {
    const value = this.integer();
    if (typeof value === "number" && value >= INT32_MIN && value <= INT32_MAX) return value;
    throw malformed("a 32-bit integer of its protobuf is out of range");
  }

  bool(): boolean {
    const value = this.integer();
    if (value === 0 || value === 1) return value === 1;
    throw malformed("a boolean of its protobuf is neither 0 nor 1");
  }

  double(): number {
    const value = this.#reader.double();
    if (!Number.isFinite(value)) throw malformed("a number of its protobuf cannot be said in JSON");
    return value;
  }

  /** Reads the length of what follows. Returns where that ends. */
  length(): number {
    const length = this.#reader.size();
    const end = this.#reader.pos + length;
    if (end > this.end) throw malformed("its protobuf ends early, or a length in it is wrong");
    return end;
  }

  bytes(): Buffer {
    const end = this.length();
    const bytes = this.#bytes.subarray(this.#reader.pos, end);
    this.#reader.pos = end;
    return bytes;
  }

  base64(): string {
    const end = this.length();
    const text = this.#bytes.toString("base64", this.#reader.pos, end);
    this.#reader.pos = end;
    return text;
  }

  string(): string {
    const end = this.length();
    const start = this.#reader.pos;
    const text = this.#bytes.toString("utf8", start, end);
    this.#reader.pos = end;
    // Where it is not a character of the text, it stands for bytes that are no UTF-8.
    return text.includes(REPLACEMENT) ? decodeUtf8(this.#bytes.subarray(start, end)) : text;
  }

  /** Reads what is inside the next length: no further than its end, and all of it. */
  within<T>(read: () => T): T {
    const outer = this.end;
    this.end = this.length();
    const value = read();
    if (this.more()) throw new Error("a message was not read to its end");
    this.end = outer;
    return value;
  }

  /** Reads what an absent message stands for: the same as an empty one. */
  absent<T>(read: () => T): T {
    const outer = this.end;
    this.end = this.#reader.pos;
    const value = read();
    this.end = outer;
    return value;
  }
}
