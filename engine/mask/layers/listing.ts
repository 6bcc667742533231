import { type Coding, Layer, type Part, type Range } from "./layer.ts";

const NEWLINE = 0x0a;
const SPACE = 0x20;
/** Before a number and in it: `cat -n` sets six wide. */
const WIDTH = 8;
/** Fewer characters of a line are no line of base64 or of a key: those are 64 or 76 wide. */
const LINE = 40;
const TOKEN = new Uint8Array(256);
for (const c of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-") TOKEN[c.charCodeAt(0)] = 1;
/** Behind a number: `cat -n` and `nl` set a tab, `grep -n` a colon or a dash, editors an arrow or a bar. */
const MARKS = ["\t", "→", ":", "-", "|", "│"].map((mark) => Buffer.from(mark));

const AS_IT_IS: Coding = {
  locate: (_bytes, { start, end }, from, to) => ({
    start: Math.min(end, start + from),
    end: Math.min(end, start + to),
  }),
};

/**
 * Lines of a layer without the numbers that a listing sets before them, where two or more of such follow each other;
 * undefined where none do. Not `all`: only lines of letters without a space, which go on in each other if they are base64.
 */
export function listingOf(layer: Layer, all: boolean): Layer | undefined {
  const groups = layer.having(NEWLINE).flatMap(({ start, end }) => groupsIn(layer.bytes, start, end, all));
  if (groups.length === 0) return undefined;
  const parts: Part[] = [];
  const size = groups.reduce((sum, lines) => lines.reduce((all, { start, end }) => all + end - start, sum + 1), 0);
  const out = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const lines of groups) {
    for (const line of lines) {
      out.set(layer.bytes.subarray(line.start, line.end), at);
      parts.push({ ...line, at, length: line.end - line.start });
      at += line.end - line.start;
    }
    out[at++] = 0;
  }
  return new Layer(out, parts, AS_IT_IS, layer);
}

/** What stands behind the numbers of lines that follow each other, line ends with it. */
function groupsIn(bytes: Buffer, from: number, to: number, all: boolean): Range[][] {
  const found: Range[][] = [];
  let group: Range[] = [];
  let before = false;
  for (let start = from; start < to; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 || newline >= to ? to : newline + 1;
    const content = contentOf(bytes, start, end);
    // What a listing is cut out of begins in the middle of a line.
    const counts: boolean = content >= 0 && (all || isToken(bytes, content, end, before));
    if (counts) group.push({ start: content, end });
    else if (group.length > 0) {
      if (group.length > 1) found.push(group);
      group = [];
    }
    before = counts;
    start = end;
  }
  if (group.length > 1) found.push(group);
  return found;
}

/** Where a line begins behind its number; -1 where it has none. */
function contentOf(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && at - start < WIDTH && bytes[at] === SPACE) at++;
  const digits = at;
  while (at < end && at - digits < WIDTH && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x39) at++;
  if (at === digits) return -1;
  if (bytes[at] === SPACE) at++;
  for (const mark of MARKS) {
    let i = 0;
    while (i < mark.length && bytes[at + i] === mark[i]) i++;
    if (i === mark.length && at + i <= end) return at + i;
  }
  return -1;
}

function isToken(bytes: Uint8Array, from: number, to: number, goesOn: boolean): boolean {
  let end = to;
  while (end > from && ((bytes[end - 1] as number) === NEWLINE || (bytes[end - 1] as number) === 0x0d)) end--;
  if (end - from < (goesOn ? 1 : LINE)) return false;
  for (let i = from; i < end; i++) if (TOKEN[bytes[i] as number] === 0) return false;
  return true;
}
