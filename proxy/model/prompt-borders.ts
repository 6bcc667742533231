import type { PromptString } from "./prompt-strings.ts";

/** A piece of a string; with `joined` the next one goes on where it ends. */
export interface Piece {
  start: number;
  end: number;
  joined?: boolean;
}

const BACKSLASH = 0x5c;
/**
 * What of a token stands on both sides of a border is looked at as far as it goes, up to so much: over lines that begin with
 * nothing else, since base64 has such.
 */
const TOKEN = 65_536;
const TOKEN_BYTES = new Uint8Array(256);
for (const letter of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-.%:@\\")
  TOKEN_BYTES[letter.charCodeAt(0)] = 1;

/** `at`, or the place before it where no escape and no character of UTF-8 is cut. */
export function cutBefore(body: Buffer, at: number, floor: number): number {
  let cut = at;
  while (cut > floor && ((body[cut] as number) & 0xc0) === 0x80) cut--;
  for (let q = cut - 1; q >= Math.max(floor, cut - 5); q--) {
    if (body[q] !== BACKSLASH || !beginsEscape(body, q, floor)) continue;
    if (cut < q + (body[q + 1] === 0x75 ? 6 : 2)) return q;
  }
  return cut;
}

function beginsEscape(body: Buffer, at: number, floor: number): boolean {
  let before = at - 1;
  while (before >= floor && body[before] === BACKSLASH) before--;
  return (at - before) % 2 === 1;
}

/**
 * What stands around the borders between strings that follow each other, for what is split over two or more of them: so much
 * of each side, and more where a token goes on. `skip`: whether a border was looked at already.
 */
export function borderPieces(
  body: Buffer,
  strings: readonly PromptString[],
  reach: number,
  { trimmed, skip }: { trimmed: boolean; skip?: (before: PromptString, after: PromptString) => boolean },
): Piece[] {
  const ranges: Piece[] = trimmed ? strings.map((string) => trim(body, string)) : [...strings];
  const pieces: Piece[] = [];
  for (let i = 0; i + 1 < ranges.length; i++) {
    const [before, after] = [strings[i], strings[i + 1]] as [PromptString, PromptString];
    const [left, right] = [ranges[i], ranges[i + 1]] as [Piece, Piece];
    if (skip?.(before, after) === true) continue;
    if (trimmed && left.end === before.end && right.start === after.start) continue;
    pieces.push(...around(body, ranges, i, reach));
  }
  return pieces;
}

/** Of the border behind `ranges[i]`: what reaches as far to both sides as it has to, over shorter ones on the way. */
function around(body: Buffer, ranges: readonly Piece[], i: number, reach: number): Piece[] {
  const left: Piece[] = [];
  let room = reach;
  for (let k = i; k >= 0 && room > 0; k--) {
    const { start, end } = ranges[k] as Piece;
    const from = tokenBefore(body, Math.max(start, end - room), start, left.length === 0 ? end : -1);
    left.unshift({ start: cutBefore(body, from, start), end, joined: true });
    room -= end - start;
  }
  const right: Piece[] = [];
  room = reach;
  for (let k = i + 1; k < ranges.length && room > 0; k++) {
    const { start, end } = ranges[k] as Piece;
    const to = tokenBehind(body, Math.min(end, start + room), end, right.length === 0 ? start : -1);
    right.push({ start, end: to === end ? end : cutBefore(body, to, start), joined: true });
    room -= end - start;
  }
  const last = right.at(-1);
  if (last !== undefined) last.joined = false;
  return [...left, ...right];
}

/** Where the token begins that goes on to `border`, or `from` where that is further away. */
function tokenBefore(body: Buffer, from: number, floor: number, border: number): number {
  let at = border;
  while (at > floor && border - at < TOKEN && TOKEN_BYTES[body[at - 1] as number] === 1) at--;
  return border < 0 ? from : Math.min(from, at);
}

function tokenBehind(body: Buffer, to: number, end: number, border: number): number {
  let at = border;
  while (at >= 0 && at < end && at - border < TOKEN && TOKEN_BYTES[body[at] as number] === 1) at++;
  return Math.max(to, at);
}

/** Without the white space around it, also in escapes: programs end their lines where a file was cut. */
function trim(body: Buffer, { start, end }: Piece): Piece {
  let from = start;
  let to = end;
  for (let size = spaceAt(body, from, to); size > 0; size = spaceAt(body, from, to)) from += size;
  for (let size = spaceBefore(body, from, to); size > 0; size = spaceBefore(body, from, to)) to -= size;
  return { start: from, end: to };
}

/** n, r, t: the letters of white space in escapes. */
const ESCAPED = new Set([0x6e, 0x72, 0x74]);

function spaceAt(body: Buffer, at: number, end: number): number {
  if (at >= end) return 0;
  if (body[at] === 0x20) return 1;
  return body[at] === BACKSLASH && ESCAPED.has(body[at + 1] as number) ? 2 : 0;
}

function spaceBefore(body: Buffer, start: number, at: number): number {
  if (at <= start) return 0;
  if (body[at - 1] === 0x20) return 1;
  const written = at - 2 >= start && body[at - 2] === BACKSLASH && ESCAPED.has(body[at - 1] as number);
  return written && beginsEscape(body, at - 2, start) ? 2 : 0;
}
