import type { Range } from "./layer.ts";

/**
 * How bytes stand in a dump: pairs of hexadecimal digits (`xxd`, `hexdump -C`, `od -t x1`, `openssl`, `63:30`, `0x63, 0x30`),
 * words of them with the last byte first (`od -x`, `hexdump`, `xxd -e`), octal bytes and words (`od -b`, `od`), decimal bytes
 * (lists of a program's), or characters, each in a column of its own (`od -c`).
 */
export type RowKind = "hex" | "hex words" | "octal" | "octal words" | "decimal" | "characters";

/** A row of a dump. `offset`: it begins with one, and its characters may stand behind it. */
export interface Row extends Range {
  offset: boolean;
}

const HEX = new Uint8Array(256).fill(64);
for (let i = 0; i < 16; i++) {
  HEX[i.toString(16).charCodeAt(0)] = i;
  HEX[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}
/** Between groups. */
const BETWEEN = new Uint8Array(256);
for (const c of " \t:,;-") BETWEEN[c.charCodeAt(0)] = 1;
/** What goes on in a word, so that a group that ends there is part of one. */
const WORD = new Uint8Array(256);
for (let c = 0; c < 256; c++) if (/[A-Za-z0-9_\x80-\xff]/.test(String.fromCharCode(c))) WORD[c] = 1;
const SPACE = 0x20;
const COLON = 0x3a;
const NEWLINE = 0x0a;
const ZERO = 0x30;
/** Between two groups there is no more than that. */
const GAP = 6;
/** Digits of an offset. */
const OFFSET = 6;
/** How far behind its groups the characters of a row may go. */
const COLUMN = 100;

export const isWordByte = (byte: number): boolean => WORD[byte] === 1;
export const isDumpByte = (byte: number): boolean => BETWEEN[byte] === 1 || HEX[byte] !== 64 || (byte | SPACE) === 0x78;

/** Reads the groups of a row from `from` on, and calls `on` with each: where its digits are. Returns where they end. */
function eachGroup(bytes: Uint8Array, { start, end }: Range, on: (at: number, length: number) => void): number {
  let done = start;
  let wide = true;
  for (let at = start; at < end; ) {
    if (bytes[at] === ZERO && ((bytes[at + 1] as number) | SPACE) === 0x78) at += 2;
    let last = at;
    while (last < end && HEX[bytes[last] as number] !== 64) last++;
    if (last === at || (last < end && WORD[bytes[last] as number] === 1)) break;
    on(at, last - at);
    done = last;
    let next = last;
    while (next < end && next - last < GAP && BETWEEN[bytes[next] as number] === 1) next++;
    // xxd sets the characters of a row apart from its groups by a space more.
    if (bytes[last] === COLON && bytes[last + 1] === SPACE) wide = false;
    else if (!wide && next - last > 1) break;
    at = next;
    if (next === last) break;
  }
  return done;
}

/** The row whose groups begin at `from`, or behind the words there; undefined where no groups stand there. */
export function rowAt(bytes: Buffer, from: number, to: number): Row | undefined {
  const line = bytes.indexOf(NEWLINE, from);
  const end = line < 0 || line > to ? to : line;
  let groups = 0;
  let offset = false;
  let before = 0;
  const last = eachGroup(bytes, { start: from, end }, (at, length) => {
    groups++;
    if (isOffset(bytes, at, length, groups)) offset = true;
    else if (groups <= 3 && before >= OFFSET && length !== before) offset = true;
    before = length;
  });
  if (groups === 0) return undefined;
  return { start: from, end: offset ? Math.min(end, last + COLUMN) : last, offset };
}

/** An offset stands in front, and is longer than what is behind it, or has a colon. */
function isOffset(bytes: Uint8Array, at: number, length: number, nth: number): boolean {
  return nth <= 3 && length >= 4 && bytes[at + length] === COLON && bytes[at + length + 1] === SPACE;
}

/** What may stand in some rows. */
export function kindsOf(bytes: Buffer, rows: readonly Row[]): RowKind[] {
  const counts = { all: 0, even: 0, words: 0, octal: 0, octalWords: 0, decimal: 0 };
  for (const row of rows) {
    eachByteGroup(bytes, row, (at, length) => {
      counts.all++;
      const octal = isOf(bytes, at, length, 8);
      if (length % 2 === 0) counts.even++;
      if (length === 4 || length === 8) counts.words++;
      if (length === 3 && octal) counts.octal++;
      if (length === 6 && octal) counts.octalWords++;
      if (length <= 3 && isOf(bytes, at, length, 10)) counts.decimal++;
    });
  }
  const mostly = (count: number, least: number): boolean => count >= least && 2 * count >= counts.all;
  const kinds: [RowKind, boolean][] = [
    ["hex", mostly(counts.even, 2)],
    ["hex words", mostly(counts.words, 2)],
    ["octal", mostly(counts.octal, 8)],
    ["octal words", mostly(counts.octalWords, 4)],
    ["decimal", mostly(counts.decimal, 8)],
  ];
  return kinds.flatMap(([kind, may]) => (may ? [kind] : []));
}

function isOf(bytes: Uint8Array, at: number, length: number, base: number): boolean {
  for (let i = at; i < at + length; i++) if ((HEX[bytes[i] as number] as number) >= base) return false;
  return true;
}

/** The groups of a row without its offset. */
function eachByteGroup(bytes: Uint8Array, row: Row, on: (at: number, length: number) => void): void {
  if (!row.offset) {
    eachGroup(bytes, row, on);
    return;
  }
  let behind = false;
  let nth = 0;
  eachGroup(bytes, row, (at, length) => {
    nth++;
    if (behind || nth > 3) on(at, length);
    else behind = length >= OFFSET || isOffset(bytes, at, length, nth);
  });
}

/** Reads the bytes of a row, and calls `on` with each, and with where it stands. What is of another kind is left out. */
export function eachByte(
  bytes: Uint8Array,
  row: Row,
  kind: RowKind,
  on: (byte: number, at: number, length: number) => void,
): void {
  if (kind === "characters") {
    eachCell(bytes, row, on);
    return;
  }
  eachByteGroup(bytes, row, (at, length) => {
    if (kind === "hex" && length % 2 === 0)
      for (let i = at; i < at + length; i += 2) on(numberAt(bytes, i, 2, 16), i, 2);
    else if (kind === "hex words" && length % 2 === 0)
      for (let i = at + length - 2; i >= at; i -= 2) on(numberAt(bytes, i, 2, 16), at, length);
    else if ((kind === "octal" && length === 3) || (kind === "decimal" && length <= 3)) {
      const base = kind === "octal" ? 8 : 10;
      const value = isOf(bytes, at, length, base) ? numberAt(bytes, at, length, base) : 256;
      if (value < 256) on(value, at, length);
    } else if (kind === "octal words" && length === 6 && isOf(bytes, at, length, 8)) {
      const word = numberAt(bytes, at, length, 8);
      on(word & 255, at, length);
      on((word >> 8) & 255, at, length);
    }
  });
}

function numberAt(bytes: Uint8Array, at: number, length: number, base: number): number {
  let value = 0;
  for (let i = at; i < at + length; i++) value = value * base + (HEX[bytes[i] as number] as number);
  return value;
}

/** What `od -c` writes for bytes that have no character of their own. */
const CONTROLS = new Map([..."0abfnrtv"].map((c, i) => [c.charCodeAt(0), [0, 7, 8, 12, 10, 13, 9, 11][i] as number]));
const CELL = 4;

/** Whether a cell of `od -c` begins at `at`: three spaces and a character, or two and an escape, or a space and three digits. */
export function isCell(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + CELL > end || bytes[at] !== SPACE || bytes[at + 3] === SPACE) return cellOfSpace(bytes, at, end);
  if (bytes[at + 1] === SPACE && bytes[at + 2] === SPACE) return bytes[at + 3] !== NEWLINE;
  if (bytes[at + 1] === SPACE && bytes[at + 2] === 0x5c) return CONTROLS.has(bytes[at + 3] as number);
  return isOf(bytes, at + 1, 3, 8);
}

/** A space is a character as well. */
function cellOfSpace(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + CELL > end) return false;
  for (let i = at; i < at + CELL; i++) if (bytes[i] !== SPACE) return false;
  return true;
}

/** The row of characters that has a cell at `cell`; undefined where fewer than `least` stand there. */
export function cellsAround(bytes: Buffer, cell: number, from: number, to: number, least: number): Row | undefined {
  let first = cell;
  while (first - CELL >= from && isCell(bytes, first - CELL, to)) first -= CELL;
  let end = cell;
  while (isCell(bytes, end, to)) end += CELL;
  if ((end - first) / CELL < least) return undefined;
  // Its offset stands right before the first cell.
  let start = first;
  while (start > from && first - start < 16 && HEX[bytes[start - 1] as number] !== 64) start--;
  return { start, end, offset: start < first };
}

function eachCell(
  bytes: Uint8Array,
  { start, end, offset }: Row,
  on: (byte: number, at: number, length: number) => void,
): void {
  let first = start;
  while (offset && first < end && bytes[first] !== SPACE) first++;
  for (let at = first; at + CELL <= end; at += CELL) {
    const letter = bytes[at + 3] as number;
    if (bytes[at + 2] === SPACE) on(letter, at, CELL);
    else if (bytes[at + 2] === 0x5c) on(CONTROLS.get(letter) ?? letter, at, CELL);
    else on(numberAt(bytes, at + 1, 3, 8) & 255, at, CELL);
  }
}
