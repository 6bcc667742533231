import type { Random } from "./random.ts";

/** Bytes that parsers treat apart: borders of lengths and signs, and what separates and quotes in text. */
const INTERESTING = [
  0x00, 0x01, 0x0a, 0x0d, 0x1f, 0x20, 0x22, 0x25, 0x2c, 0x3a, 0x5b, 0x5c, 0x7b, 0x7d, 0x7f, 0x80, 0xc0, 0xff,
];

function splice(bytes: Uint8Array, at: number, remove: number, insert: Uint8Array): Uint8Array {
  const out = new Uint8Array(bytes.length - remove + insert.length);
  out.set(bytes.subarray(0, at));
  out.set(insert, at);
  out.set(bytes.subarray(at + remove), at + insert.length);
  return out;
}

function once(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  const length = Math.min(1 + random.below(random.chance(0.9) ? 8 : 200), bytes.length - at);
  switch (random.below(8)) {
    case 0:
      return splice(bytes, at, Math.min(1, length), Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.below(8))));
    case 1:
      return splice(bytes, at, Math.min(1, length), Uint8Array.of(random.pick(INTERESTING)));
    case 2:
      return splice(bytes, at, 0, random.bytes(1 + random.below(4)));
    case 3:
      return splice(bytes, at, length, new Uint8Array(0));
    case 4:
      return splice(bytes, random.below(bytes.length), 0, bytes.subarray(at, at + length));
    case 5:
      return bytes.slice(0, at);
    case 6: {
      const from = random.below(other.length);
      return splice(bytes, at, length, other.subarray(from, from + 1 + random.below(40)));
    }
    default:
      return splice(bytes, at, Math.min(1, length), Uint8Array.of(((bytes[at] ?? 0) + random.pick([1, 255])) & 255));
  }
}

/** One to `most` small damages: flipped bits, bytes inserted, left out, repeated, cut off, taken from `other`. */
export function mutateBytes(random: Random, bytes: Uint8Array, other: Uint8Array = bytes, most = 3): Uint8Array {
  let out = bytes;
  for (let rounds = 1 + random.below(most); rounds > 0; rounds--) out = once(random, out, other);
  return out;
}

/** The same to text, with whole tokens put in: `tokens` is what matters to the language. */
export function mutateText(random: Random, text: string, tokens: readonly string[], most = 3): string {
  let out = text;
  for (let rounds = 1 + random.below(most); rounds > 0; rounds--) {
    const at = random.below(out.length + 1);
    const length = Math.min(random.below(6), out.length - at);
    switch (random.below(4)) {
      case 0:
        out = out.slice(0, at) + random.pick(tokens) + out.slice(at);
        break;
      case 1:
        out = out.slice(0, at) + random.pick(tokens) + out.slice(at + length);
        break;
      case 2:
        out = out.slice(0, at) + out.slice(at + length);
        break;
      default:
        out = out.slice(0, at) + out.slice(at, at + length) + out.slice(at);
    }
  }
  return out;
}

/** Cuts into chunks at random places, as a socket would; chunks may be empty. */
export function chunks(random: Random, bytes: Uint8Array, most = 8): Uint8Array[] {
  const cuts = Array.from({ length: random.below(most) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
  return [...cuts, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : cuts[i - 1], end));
}
