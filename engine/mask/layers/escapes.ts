import { type Coding, Layer, type Part, type Range } from "./layer.ts";

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const NEWLINE = 0x0a;
/** Between texts that do not go on in each other. */
const BREAK = 0;

/** What stands behind a backslash, and what it says: of JSON, and of the languages that print such text. */
const SIMPLE = new Int16Array(256).fill(-1);
for (const [letter, byte] of Object.entries({
  n: 10,
  r: 13,
  t: 9,
  b: 8,
  f: 12,
  '"': 0x22,
  "\\": 0x5c,
  "/": 0x2f,
  "'": 0x27,
}))
  SIMPLE[letter.charCodeAt(0)] = byte;

const DIGITS = new Int8Array(256).fill(-1);
for (let i = 0; i < 16; i++) {
  DIGITS[i.toString(16).charCodeAt(0)] = i;
  DIGITS[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

function hexAt(bytes: Uint8Array, at: number, digits: number, end: number): number {
  if (at + digits > end) return -1;
  let value = 0;
  for (let i = at; i < at + digits; i++) {
    const digit = DIGITS[bytes[i] as number] as number;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

/** The escape that was read last: how long it is, and what it says. */
const said = new Uint8Array(4);
let saidLength = 0;

/** Reads what begins at `at`, a backslash or a percent sign, and returns how long it is. */
function readEscape(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number;
  said[0] = first;
  saidLength = 1;
  if (first === PERCENT) return readByte(bytes, at + 1, end) ? 3 : 1;
  if (at + 1 >= end) return 1;
  const letter = bytes[at + 1] as number;
  const simple = SIMPLE[letter] as number;
  if (simple >= 0) {
    said[0] = simple;
    return 2;
  }
  if (letter === 0x75) return readUnicode(bytes, at, end);
  if (letter === 0x78) return readByte(bytes, at + 2, end) ? 4 : 1;
  // A shell goes on with the next line.
  if (letter === NEWLINE) {
    saidLength = 0;
    return 2;
  }
  return 1;
}

function readByte(bytes: Uint8Array, at: number, end: number): boolean {
  const byte = hexAt(bytes, at, 2, end);
  if (byte >= 0) said[0] = byte;
  return byte >= 0;
}

function readUnicode(bytes: Uint8Array, at: number, end: number): number {
  const unit = hexAt(bytes, at + 2, 4, end);
  if (unit < 0) return 1;
  let code = unit;
  let length = 6;
  if (unit >= 0xd800 && unit < 0xdc00 && bytes[at + 6] === BACKSLASH && bytes[at + 7] === 0x75) {
    const low = hexAt(bytes, at + 8, 4, end);
    if (low >= 0xdc00 && low < 0xe000) {
      code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
      length = 12;
    }
  }
  // What is half of a pair comes out as U+FFFD, as anywhere.
  saidLength = Buffer.from(said.buffer).write(String.fromCodePoint(code), "utf8");
  return length;
}

/** Writes what a range says to `out`, and returns where that ends. It is never longer than the range. */
function unescapeInto(bytes: Uint8Array, { start, end }: Range, mark: number, out: Uint8Array, to: number): number {
  let at = to;
  for (let i = start; i < end; ) {
    const byte = bytes[i] as number;
    if (byte !== mark) {
      out[at++] = byte;
      i++;
      continue;
    }
    i += readEscape(bytes, i, end);
    for (let k = 0; k < saidLength; k++) out[at++] = said[k] as number;
  }
  return at;
}

function codingOf(mark: number): Coding {
  return {
    locate(bytes, { start, end }, from, to) {
      const range = { start: end, end };
      let at = 0;
      for (let i = start; i < end && at < to; ) {
        const escaped = bytes[i] === mark;
        const length = escaped ? readEscape(bytes, i, end) : 1;
        const says = escaped ? saidLength : 1;
        if (at <= from && at + says > from) range.start = i;
        i += length;
        at += says;
        range.end = i;
      }
      return range;
    },
  };
}

const ESCAPES = codingOf(BACKSLASH);
const PERCENTS = codingOf(PERCENT);

/** What ranges of `source` say, as JSON writes strings. `joined`: a range with true goes on in the next one. */
export function jsonStrings(source: Uint8Array, ranges: readonly (Range & { joined?: boolean })[]): Layer {
  return decoded(source, source, ranges, BACKSLASH);
}

/**
 * What stands in a layer in escapes (again: JSON inside JSON), of the stretches that have any; undefined where none has. Not
 * what is percent-encoded with it: a value may hold a percent sign.
 */
export function escapesOf(layer: Layer): Layer | undefined {
  return layerOf(layer, BACKSLASH);
}

/** What stands in a layer percent-encoded (RFC 3986 §2.1), of the stretches that are; undefined where none is. */
export function percentOf(layer: Layer): Layer | undefined {
  return layerOf(layer, PERCENT);
}

function layerOf(layer: Layer, mark: number): Layer | undefined {
  const { bytes } = layer;
  if (!bytes.includes(mark)) return undefined;
  const having = layer.stretches.filter(({ start, end }) => has(bytes, mark, start, end));
  return having.length === 0 ? undefined : decoded(bytes, layer, having, mark);
}

function decoded(
  bytes: Uint8Array,
  source: Layer | Uint8Array,
  ranges: readonly (Range & { joined?: boolean })[],
  mark: number,
): Layer {
  const room = ranges.reduce((sum, { start, end }) => sum + end - start + 1, 0);
  const out = Buffer.allocUnsafeSlow(room);
  const parts: Part[] = [];
  let at = 0;
  for (const range of ranges) {
    const end = unescapeInto(bytes, range, mark, out, at);
    parts.push({ start: range.start, end: range.end, at, length: end - at });
    at = end;
    if (range.joined !== true) out[at++] = BREAK;
  }
  return new Layer(out.subarray(0, at), parts, mark === PERCENT ? PERCENTS : ESCAPES, source);
}

/** Whether anything between two places reads otherwise once it is decoded. */
function has(bytes: Buffer, mark: number, start: number, end: number): boolean {
  for (let i = bytes.indexOf(mark, start); i >= 0 && i < end; i = bytes.indexOf(mark, i + 1)) {
    if (readEscape(bytes, i, end) > 1) return true;
  }
  return false;
}
