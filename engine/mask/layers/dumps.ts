import {
  cellsAround,
  eachByte,
  isCell,
  isDumpByte,
  isWordByte,
  kindsOf,
  type Row,
  type RowKind,
  rowAt,
} from "./dump-rows.ts";
import { type Coding, Layer, type Part } from "./layer.ts";

/** One byte of so many is looked at where there is no dump: eight bytes in one take as much, with what stands between. */
const STEP = 16;
/** Cells that a row of characters begins with. */
const CELLS = 4;
/** And of those: in the middle of them stands what has no character of its own. */
const CELLS_STEP = 8;
/** From the groups of a row to those of the next one: its characters, a line end, and what a listing sets before it. */
const APART = 120;
const NEWLINE = 0x0a;
const SPACE = 0x20;
/** The last byte of the arrow with which listings set numbers apart. */
const ARROW = 0x92;
const DUMP = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) if (isDumpByte(byte)) DUMP[byte] = 1;

/** Rows that follow each other, of one kind. */
interface Block {
  kind: RowKind;
  rows: Row[];
}

function codingOf(kind: RowKind): Coding {
  return {
    locate(bytes, part, from, to) {
      const row: Row = { ...part, offset: "offset" in part && part.offset === true };
      // The characters beside them say the same once more.
      if (row.offset) return { start: row.start, end: row.end };
      const range = { start: row.end, end: row.end };
      let count = 0;
      eachByte(bytes, row, kind, (_, at, length) => {
        if (count >= from && count < to) {
          range.start = Math.min(range.start, at);
          range.end = count === from ? at + length : Math.max(range.end, at + length);
        }
        count++;
      });
      return range;
    },
  };
}

const CODINGS = new Map(
  (["hex", "hex words", "octal", "octal words", "decimal", "characters"] as const).map((kind) => [
    kind,
    codingOf(kind),
  ]),
);

/** What stands in a layer byte by byte, as programs show what is no text: one for each way in which it may be read. */
export function dumpsOf(layer: Layer): Layer[] {
  const blocks = layer.stretches.flatMap(({ start, end }) => [
    ...groupsIn(layer.bytes, start, end),
    ...cellsIn(layer.bytes, start, end),
  ]);
  const kinds = new Set(blocks.map(({ kind }) => kind));
  return [...kinds].map((kind) =>
    decoded(
      layer,
      kind,
      blocks.filter((block) => block.kind === kind),
    ),
  );
}

function groupsIn(bytes: Buffer, from: number, to: number): Block[] {
  const found: Block[] = [];
  let floor = from;
  for (let i = from + STEP - 1; i < to; i += STEP) {
    if (DUMP[bytes[i] as number] === 0) continue;
    let start = i;
    while (start > floor && DUMP[bytes[start - 1] as number] === 1) start--;
    let end = i + 1;
    while (end < to && DUMP[bytes[end] as number] === 1) end++;
    floor = end;
    i = Math.max(i, end - 1);
    if (end - start < STEP) continue;
    const rows = rowsFrom(bytes, firstGroup(bytes, start, end, from), to);
    if (rows.length === 0) continue;
    floor = Math.max(end, rows.at(-1)?.end ?? 0);
    i = Math.max(i, floor - 1);
    for (const kind of kindsOf(bytes, rows)) found.push({ kind, rows });
  }
  return found;
}

/** Where the first group of a run begins that is not the end of a word. */
function firstGroup(bytes: Uint8Array, start: number, end: number, from: number): number {
  let at = start;
  if (start > from && isWordByte(bytes[start - 1] as number)) while (at < end && isWordByte(bytes[at] as number)) at++;
  while (at < end && !isWordByte(bytes[at] as number)) at++;
  return at;
}

function rowsFrom(bytes: Buffer, start: number, to: number): Row[] {
  const rows: Row[] = [];
  for (let row = rowAt(bytes, start, to); row !== undefined; row = nextRow(bytes, row, to)) rows.push(row);
  return rows;
}

/** The row that stands on the next line, behind what a listing sets before it. */
function nextRow(bytes: Buffer, { end }: Row, to: number): Row | undefined {
  const line = bytes.subarray(end, Math.min(to, end + APART)).indexOf(NEWLINE);
  if (line < 0) return undefined;
  const from = end + line + 1;
  let at = from;
  for (let i = from; i < Math.min(to, from + STEP); i++) if (bytes[i] === ARROW) at = i + 1;
  while (at < to && (bytes[at] === SPACE || bytes[at] === 9)) at++;
  return at < to ? rowAt(bytes, at, to) : undefined;
}

function cellsIn(bytes: Buffer, from: number, to: number): Block[] {
  const found: Block[] = [];
  let last = from;
  for (let i = from; i + 8 <= to; i += CELLS_STEP) {
    const cell = cellAt(bytes, i);
    if (cell < last) continue;
    const row = cellsAround(bytes, cell, last, to, CELLS);
    if (row === undefined) continue;
    const rows = [row];
    for (let one = cellsBefore(bytes, row, last, to); one !== undefined; one = cellsBefore(bytes, one, last, to))
      rows.push(one);
    rows.reverse();
    for (let next = nextCells(bytes, row, to); next !== undefined; next = nextCells(bytes, next, to)) rows.push(next);
    last = rows.at(-1)?.end ?? to;
    i = last - CELLS_STEP;
    found.push({ kind: "characters", rows });
  }
  return found;
}

/** Where around `i` a cell begins: three spaces and something else; -1 where none does. */
function cellAt(bytes: Uint8Array, i: number): number {
  let spaces = 0;
  let other = -1;
  for (let k = i; k < i + 4; k++) {
    if (bytes[k] === SPACE) spaces++;
    else other = k;
  }
  if (spaces !== 3) return -1;
  return isCell(bytes, other + 1, bytes.length) ? other - 3 : -1;
}

/** The row on the line before, which may have nothing but digits where somebody looked. */
function cellsBefore(bytes: Buffer, { start }: Row, from: number, to: number): Row | undefined {
  const cell = start - 5;
  return cell >= from && bytes[start - 1] === NEWLINE && isCell(bytes, cell, to)
    ? cellsAround(bytes, cell, from, to, CELLS)
    : undefined;
}

/** Of a row of characters what stands before its cells, with a listing's number. */
const BEFORE_CELLS = /^(?: *\d+(?:[\t:-]|\xe2\x86\x92))?[0-9a-f]{6,16}(?= )/;

function nextCells(bytes: Buffer, { end }: Row, to: number): Row | undefined {
  if (bytes[end] !== NEWLINE) return undefined;
  const start = end + 1;
  const before = BEFORE_CELLS.exec(bytes.toString("latin1", start, Math.min(to, start + 32)));
  return cellsAround(bytes, start + (before?.[0].length ?? 0), start, to, 1);
}

function decoded(layer: Layer, kind: RowKind, blocks: readonly Block[]): Layer {
  const room = blocks.reduce((sum, { rows }) => rows.reduce((all, { start, end }) => all + end - start, sum + 1), 0);
  const out = Buffer.allocUnsafeSlow(room);
  const parts: Part[] = [];
  let at = 0;
  for (const { rows } of blocks) {
    for (const row of rows) {
      const begin = at;
      eachByte(layer.bytes, row, kind, (byte) => {
        out[at++] = byte;
      });
      parts.push({ ...row, at: begin, length: at - begin });
    }
    out[at++] = 0;
  }
  return new Layer(out.subarray(0, at), parts, CODINGS.get(kind) as Coding, layer);
}
