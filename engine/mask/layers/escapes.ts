import { entityAt, entityCode } from "./entities.ts";
import { type Coding, Layer, type Part, type Range } from "./layer.ts";

const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
const ESCAPE = 0x1b;
const NEWLINE = 0x0a;
/** Between texts that do not go on in each other. */
const BREAK = 0;
/** Bytes before and behind something that is encoded in which a value may stand that it is part of. */
const AROUND = 4_096;
/** Bytes of a command to a terminal. */
const COMMAND = 2_048;

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

/** Reads what begins at `at`, with one of the marks, and returns how long it is. */
function readEscape(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number;
  said[0] = first;
  saidLength = 1;
  if (first === PERCENT) return readByte(bytes, at + 1, end) ? 3 : 1;
  if (first === AMPERSAND) return readEntity(bytes, at, end);
  if (first === ESCAPE) return readControl(bytes, at, end);
  if (at + 1 >= end) return 1;
  const letter = bytes[at + 1] as number;
  const simple = SIMPLE[letter] as number;
  if (simple >= 0) {
    said[0] = simple;
    return 2;
  }
  if (letter === 0x75) return readUnicode(bytes, at, end);
  if (letter === 0x78) return readByte(bytes, at + 2, end) ? 4 : 1;
  if (letter >= 0x30 && letter < 0x34) return readOctal(bytes, at, end);
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

/** As C and shells write bytes; with fewer digits it is a reference of an expression's. */
function readOctal(bytes: Uint8Array, at: number, end: number): number {
  if (at + 3 >= end) return 1;
  const [second, third] = [(bytes[at + 2] as number) - 0x30, (bytes[at + 3] as number) - 0x30];
  if (second < 0 || second > 7 || third < 0 || third > 7) return 1;
  said[0] = ((bytes[at + 1] as number) - 0x30) * 64 + second * 8 + third;
  return 4;
}

function readEntity(bytes: Uint8Array, at: number, end: number): number {
  const length = entityAt(bytes, at, end);
  if (length === 0) return 1;
  // No character of UTF-8 is longer than the shortest way to name it: `&#1;`.
  saidLength = Buffer.from(said.buffer).write(String.fromCodePoint(entityCode()), "utf8");
  return length;
}

/** Colours, and what else a terminal is told within a text, say nothing: ECMA-48 §5.4, §5.6 and ISO 2022's `ESC ( B`. */
function readControl(bytes: Uint8Array, at: number, end: number): number {
  const kind = bytes[at + 1];
  let i = at + 2;
  if (kind === 0x5b) {
    while (i < end && (bytes[i] as number) >= 0x20 && (bytes[i] as number) < 0x40) i++;
    if (i >= end || (bytes[i] as number) < 0x40 || (bytes[i] as number) > 0x7e) return 1;
    saidLength = 0;
    return i + 1 - at;
  }
  if (kind === 0x28 && i < end) {
    saidLength = 0;
    return 3;
  }
  return kind === 0x5d ? readCommand(bytes, at, end) : 1;
}

/** A link, or a title: as far as its end, which a terminal takes for one too. */
function readCommand(bytes: Uint8Array, at: number, end: number): number {
  for (let i = at + 2; i < Math.min(end, at + COMMAND); i++) {
    const over = bytes[i] === 0x07 ? 1 : bytes[i] === ESCAPE && bytes[i + 1] === BACKSLASH ? 2 : 0;
    if (over === 0) continue;
    saidLength = 0;
    return i + over - at;
  }
  return 1;
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

const CODINGS = new Map([BACKSLASH, PERCENT, AMPERSAND, ESCAPE].map((mark) => [mark, codingOf(mark)]));

/** What ranges of `source` say, as JSON writes strings. `joined`: a range with true goes on in the next one. */
export function jsonStrings(source: Uint8Array, ranges: readonly (Range & { joined?: boolean })[]): Layer {
  return decoded(source, source, ranges, BACKSLASH);
}

/**
 * What stands in a layer in escapes (again: JSON inside JSON), of the stretches that have any; undefined where none has. Not
 * what is percent-encoded with it: a value may hold a percent sign.
 */
export function escapesOf(layer: Layer): Layer | undefined {
  const { bytes } = layer;
  const having = layer.having(BACKSLASH).filter(({ start, end }) => has(bytes, start, end));
  return having.length === 0 ? undefined : decoded(bytes, layer, having, BACKSLASH);
}

/** What stands in a layer percent-encoded (RFC 3986 §2.1), of the stretches that are; undefined where none is. */
export function percentOf(layer: Layer): Layer | undefined {
  return layerOf(layer, PERCENT);
}

/** What stands in a layer in entities (HTML, XML), of the stretches that have any; undefined where none has. */
export function entitiesOf(layer: Layer): Layer | undefined {
  return layerOf(layer, AMPERSAND);
}

/** What stands in a layer between what terminals are told (colours), of the stretches that have any; undefined where none has. */
export function withoutControls(layer: Layer): Layer | undefined {
  return layerOf(layer, ESCAPE);
}

/** Only what stands around the marks: most texts have few. A value has one of its own, and lines that are longer are looked for by themselves. */
function layerOf(layer: Layer, mark: number): Layer | undefined {
  const { bytes } = layer;
  const around = layer.having(mark).flatMap(({ start, end }) => marked(bytes, mark, start, end));
  return around.length === 0 ? undefined : decoded(bytes, layer, around, mark);
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
  return new Layer(out.subarray(0, at), parts, CODINGS.get(mark) as Coding, source);
}

/** Whether anything between two places reads otherwise once its escapes are decoded. */
function has(bytes: Buffer, start: number, end: number): boolean {
  for (let i = bytes.indexOf(BACKSLASH, start); i >= 0 && i < end; i = bytes.indexOf(BACKSLASH, i + 1)) {
    if (readEscape(bytes, i, end) > 1) return true;
  }
  return false;
}

/** What between two places stands around what reads otherwise. */
function marked(bytes: Buffer, mark: number, start: number, end: number): Range[] {
  const found: Range[] = [];
  for (let i = bytes.indexOf(mark, start); i >= 0 && i < end; ) {
    const length = readEscape(bytes, i, end);
    if (length > 1) {
      const last = found.at(-1);
      const from = Math.max(start, i - AROUND);
      const to = Math.min(end, i + length + AROUND);
      if (last !== undefined && from <= last.end) last.end = to;
      else found.push({ start: from, end: to });
    }
    i = bytes.indexOf(mark, i + length);
  }
  return found;
}
