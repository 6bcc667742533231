import { findPatterns, type Match } from "./patterns.ts";

/** A line of a key, or a good part of one: programs and documents name the markers of a key, and have none between them. */
const BODY = /[A-Za-z0-9+/]{40}/;
/**
 * A line of base64 as it stands in a text, in a program's string or behind the numbers of a listing. Texts are latin1 here, a
 * character a byte: an arrow has three.
 */
const LINE = /(?:[\s"'+,|\\]|\\[nr]|\d{1,6}(?:\xe2\x86\x92|[:\t|]))*[A-Za-z0-9+/=]{16,}/y;
const BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
/** RFC 1421 §4.6 and RFC 4880 §6.2: what stands between the header and the lines. */
const HEADERS = /(?:(?:\s|\\[nr]){0,8}(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):[^\n\\]{0,200}){0,8}/y;
/** Between the last line and the footer there is no more: a checksum, line ends, quotes. */
const LAST = 256;

/**
 * Private keys in the text of a dialogue: as findPatterns tells them, but only what holds a key, since programs and documents
 * name the markers of one; and what is left of a key whose footer, or whose header, stands elsewhere.
 */
export function keysInText(text: string): Match[] {
  const found = [
    ...withHeader(text),
    ...findPatterns(text, ["private-key"]).filter(({ start }) => text[start] !== "-"),
  ];
  return [...found, ...withoutHeader(text, found)].sort((a, b) => a.start - b.start);
}

function withHeader(text: string): Match[] {
  const found: Match[] = [];
  const footers = [...text.matchAll(END)];
  let next = 0;
  let done = 0;
  for (const begin of text.matchAll(BEGIN)) {
    const from = begin.index + begin[0].length;
    if (begin.index < done) continue;
    const lines = endOfLines(text, from);
    while ((footers[next]?.index ?? text.length) < from) next++;
    const footer = footers[next];
    const end = footer === undefined || footer.index - lines > LAST ? lines : footer.index + footer[0].length;
    if (!BODY.test(text.slice(from, end))) continue;
    found.push({ start: begin.index, end });
    done = end;
  }
  return found;
}

function endOfLines(text: string, from: number): number {
  HEADERS.lastIndex = from;
  let end = HEADERS.test(text) ? HEADERS.lastIndex : from;
  for (LINE.lastIndex = end; LINE.test(text); ) end = LINE.lastIndex;
  return end;
}

/** Lines before a footer whose header is not there. */
function withoutHeader(text: string, known: readonly Match[]): Match[] {
  const ends = new Set(known.map(({ end }) => end));
  const found: Match[] = [];
  for (const footer of text.matchAll(END)) {
    const end = footer.index + footer[0].length;
    const start = beginOfLines(text, footer.index, found.at(-1)?.end ?? 0);
    if (!ends.has(end) && BODY.test(text.slice(start, footer.index))) found.push({ start, end });
  }
  return found;
}

const LETTER = /[A-Za-z0-9+/=]/;
const BETWEEN = /[\s"',|\\:\x86\x92\xe2]/;

/** Where the lines that end at `end` begin: the first of long runs of base64 with nothing but line ends between them. */
function beginOfLines(text: string, end: number, floor: number): number {
  let start = end;
  for (let i = end; i > floor; ) {
    while (i > floor && BETWEEN.test(text[i - 1] as string)) i--;
    const last = i;
    while (i > floor && LETTER.test(text[i - 1] as string)) i--;
    // A short one is the last line, or the number of one.
    if (last - i < 16 && start !== end && !/^\d{1,6}$/.test(text.slice(i, last))) break;
    if (last === i) break;
    if (last - i >= 16 || start === end) start = i;
  }
  return start;
}
