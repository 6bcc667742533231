import type { PromptString } from "./prompt-strings.ts";

/** A piece of a string; with `joined` the next one goes on where it ends. */
export interface Piece {
  start: number;
  end: number;
  joined?: boolean;
}

/** What of a string stands at a border, and where in the list that string is. */
interface Side extends Piece {
  string: PromptString;
  at: number;
}

const BACKSLASH = 0x5c;
/** Bytes of short strings whose borders are looked at together, where a value does not reach further. */
const RUN = 16_384;
/** What a piece costs besides its bytes, in bytes: in letters by themselves a value reaches less far than in what it may be written in. */
const PIECE = 3;
/** How often others may run: each so many strings. */
const EACH = 4_096;
/** And each so many characters of white space. */
const SPACES = 65_536;
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

/** A text that is searched by itself: pieces that go on in each other. Undefined where others may run. */
export type Texts = Generator<Piece[] | undefined, undefined>;

/** Strings with what of them stands at a border. */
function* sidesOf(body: Buffer, strings: readonly PromptString[], trimmed: boolean): Generator<undefined, Side[]> {
  const sides: Side[] = [];
  for (const [at, string] of strings.entries()) {
    const { start, end } = trimmed ? yield* trim(body, string) : string;
    if (start < end) sides.push({ start, end, string, at });
    if (at % EACH === EACH - 1) yield;
  }
  return sides;
}

/**
 * What stands around the borders between strings that follow each other, for what is split over two or more of them: so much
 * of each side, and more where a token goes on. Borders with little between them are looked at together, so that all of it is
 * never more than a few times the strings, however many and however short they are. `skip`: whether a border was looked at
 * already.
 */
export function* borderTexts(
  body: Buffer,
  strings: readonly PromptString[],
  reach: number,
  { trimmed, skip }: { trimmed: boolean; skip?: (before: PromptString, after: PromptString) => boolean },
): Texts {
  const sides = yield* sidesOf(body, strings, trimmed);
  const seen = (i: number): boolean => {
    const [before, after] = [sides[i], sides[i + 1]] as [Side, Side];
    if (skip?.(before.string, after.string) === true) return true;
    const asWritten = before.end === before.string.end && after.start === after.string.start;
    return trimmed && asWritten && after.at === before.at + 1;
  };
  const most = Math.max(RUN, 4 * reach);
  for (let i = 0; i + 1 < sides.length; i++) {
    if (i % EACH === EACH - 1) yield;
    if (seen(i)) continue;
    const first = i;
    for (let size = 0; i + 2 < sides.length && size < most && lengthOf(sides[i + 1] as Side) <= 2 * reach; i++)
      size += lengthOf(sides[i + 1] as Side) + PIECE;
    while (i > first && seen(i)) i--;
    const between = sides.slice(first + 1, i + 1).map(({ start, end }) => ({ start, end, joined: true }));
    yield [...before(body, sides, first, reach), ...between, ...behind(body, sides, i, reach)];
  }
}

function lengthOf({ start, end }: Piece): number {
  return end - start;
}

/** What stands before the border behind `sides[i]`: as far as it has to, over shorter ones on the way. */
function before(body: Buffer, sides: readonly Side[], i: number, reach: number): Piece[] {
  const pieces: Piece[] = [];
  let room = reach;
  for (let k = i; k >= 0 && room > 0; k--) {
    const { start, end } = sides[k] as Side;
    const from = tokenBefore(body, Math.max(start, end - room), start, k === i ? end : -1);
    pieces.push({ start: cutBefore(body, from, start), end, joined: true });
    room -= end - start + PIECE;
  }
  return pieces.reverse();
}

/** And what stands behind that border. */
function behind(body: Buffer, sides: readonly Side[], i: number, reach: number): Piece[] {
  const pieces: Piece[] = [];
  let room = reach;
  for (let k = i + 1; k < sides.length && room > 0; k++) {
    const { start, end } = sides[k] as Side;
    const to = tokenBehind(body, Math.min(end, start + room), end, k === i + 1 ? start : -1);
    pieces.push({ start, end: to === end ? end : cutBefore(body, to, start), joined: true });
    room -= end - start + PIECE;
  }
  const last = pieces.at(-1);
  if (last !== undefined) last.joined = false;
  return pieces;
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
function* trim(body: Buffer, { start, end }: Piece): Generator<undefined, Piece> {
  let from = start;
  let to = end;
  let steps = 0;
  for (let size = spaceAt(body, from, to); size > 0; size = spaceAt(body, from, to)) {
    from += size;
    if (++steps % SPACES === 0) yield;
  }
  for (let size = spaceBefore(body, from, to); size > 0; size = spaceBefore(body, from, to)) {
    to -= size;
    if (++steps % SPACES === 0) yield;
  }
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
