import { type Coding, Layer, type Part, type Range } from "./layer.ts";

/** Fewer characters hold nothing that is looked for: base64 of base64 of eight bytes has sixteen. */
const SHORTEST = 16;
/** A line that is at least so long goes on in the next one, where that is of the same letters. */
const LINE = 40;

/** By character: its six bits, or 64 where base64 has none such. Both alphabets, of RFC 4648 §4 and §5. */
const SIXES = new Uint8Array(256).fill(64);
for (const [i, letter] of [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"].entries())
  SIXES[letter.charCodeAt(0)] = i;
SIXES[0x2d] = 62;
SIXES[0x5f] = 63;
const NIBBLES = new Uint8Array(256).fill(64);
for (let i = 0; i < 16; i++) {
  NIBBLES[i.toString(16).charCodeAt(0)] = i;
  NIBBLES[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

/** Bits of one character, and how they are read. */
interface Digits {
  table: Uint8Array;
  bits: number;
}
const BASE64: Digits = { table: SIXES, bits: 6 };
const HEX: Digits = { table: NIBBLES, bits: 4 };

function codingOf({ table, bits }: Digits): Coding {
  return {
    locate(bytes, { start, end }, from, to) {
      const first = Math.floor((from * 8) / bits);
      const last = Math.ceil((to * 8) / bits);
      const range = { start: end, end };
      let digits = 0;
      for (let i = start; i < end && digits < last; i++) {
        if ((table[bytes[i] as number] as number) === 64) continue;
        if (digits === first) range.start = i;
        digits++;
        range.end = i + 1;
      }
      return range;
    },
  };
}
const CODINGS = new Map([BASE64, HEX].map((digits) => [digits, codingOf(digits)]));

/**
 * The runs of at least SHORTEST base64 characters, with the lines that they go on in. Looks at one character in sixteen
 * where there is none.
 */
export function runsIn(bytes: Uint8Array, from: number, to: number): Range[] {
  const found: Range[] = [];
  let floor = from;
  for (let i = from + SHORTEST - 1; i < to; i += SHORTEST) {
    if ((SIXES[bytes[i] as number] as number) === 64) continue;
    let start = i;
    while (start > floor && (SIXES[bytes[start - 1] as number] as number) !== 64) start--;
    let end = endOfLine(bytes, i + 1, to);
    for (let line = start; end - line >= LINE; ) {
      const next = nextLine(bytes, end, to);
      if (next < 0) break;
      line = next;
      end = endOfLine(bytes, next, to);
    }
    if (end - start >= SHORTEST) found.push({ start, end });
    floor = end;
    i = end;
  }
  return found;
}

function endOfLine(bytes: Uint8Array, from: number, to: number): number {
  let end = from;
  while (end < to && (SIXES[bytes[end] as number] as number) !== 64) end++;
  return end;
}

/** Where the next line's letters begin; -1 where the text does not go on there. */
function nextLine(bytes: Uint8Array, end: number, to: number): number {
  let next = end;
  while (next < to && (bytes[next] === 0x0d || bytes[next] === 0x0a || bytes[next] === 0x20 || bytes[next] === 9))
    next++;
  const broken = next > end && (bytes[end] === 0x0a || bytes[end] === 0x0d);
  return broken && next < to && (SIXES[bytes[next] as number] as number) !== 64 ? next : -1;
}

/** What runs of a layer decode to, each apart; undefined where they are none. */
export function base64Of(layer: Layer, runs: readonly Range[]): Layer | undefined {
  return decoded(layer, runs, BASE64);
}

/** The same of those that are nothing but hexadecimal digits. */
export function hexOf(layer: Layer, runs: readonly Range[]): Layer | undefined {
  return decoded(
    layer,
    runs.filter((run) => isHex(layer.bytes, run)),
    HEX,
  );
}

function isHex(bytes: Uint8Array, { start, end }: Range): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    if ((NIBBLES[byte] as number) === 64 && (SIXES[byte] as number) !== 64) return false;
  }
  return true;
}

function decoded(layer: Layer, runs: readonly Range[], digits: Digits): Layer | undefined {
  if (runs.length === 0) return undefined;
  const room = runs.reduce((sum, { start, end }) => sum + end - start + 1, 0);
  const out = Buffer.allocUnsafeSlow(room);
  const parts: Part[] = [];
  let at = 0;
  for (const run of runs) {
    const end = decodeInto(layer.bytes, run, digits, out, at);
    parts.push({ ...run, at, length: end - at });
    at = end;
    out[at++] = 0;
  }
  return new Layer(out.subarray(0, at), parts, CODINGS.get(digits) as Coding, layer);
}

function decodeInto(
  bytes: Uint8Array,
  { start, end }: Range,
  { table, bits }: Digits,
  out: Uint8Array,
  to: number,
): number {
  let at = to;
  let word = 0;
  let have = 0;
  for (let i = start; i < end; i++) {
    const digit = table[bytes[i] as number] as number;
    if (digit === 64) continue;
    word = ((word << bits) | digit) & 0xffff;
    have += bits;
    if (have < 8) continue;
    have -= 8;
    out[at++] = word >>> have;
  }
  return at;
}
