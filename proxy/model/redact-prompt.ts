import { setImmediate as nextTurn } from "node:timers/promises";
import { Refusal } from "../../base/errors.ts";
import type { KnownValues } from "../../engine/mask/known-values.ts";
import type { Found, Search } from "../../engine/mask/layers/find.ts";
import { findPatterns } from "../../engine/mask/patterns.ts";
import { borderPieces, cutBefore, type Piece } from "./prompt-borders.ts";
import { type PromptString, promptStrings } from "./prompt-strings.ts";
import { BATCH, findIn, touching } from "./search-pieces.ts";
import { takeOut } from "./take-out.ts";

/** What was taken out of a prompt, for the record: no value is in it. */
export interface Redactions {
  /** How many were taken out; one that was split counts once. */
  count: number;
  /** Where the known ones come from (`shop/db:data.password`), and their HMACs. */
  maskedFields: string[];
  fingerprints: Record<string, string>;
  /** How many looked like what. `unreadable`: compressed, and too large to be searched. */
  patterns: Record<string, number>;
  /** How many stand in what the provider signed, which is never altered. */
  signed: number;
}

/** The thread is not kept longer without a turn of the others'. */
const SLICE_MS = 5;
/** A prompt whose redaction leaves something to redact is read again, so often. */
const ROUNDS = 4;
/** Bytes that are decompressed for one prompt. */
const UNPACKED = 33_554_432;
/** And bytes that are read out of others, for each of the prompt's: a dialogue about code has less than two. */
const DECODED = 16;
const REACH = { least: 512, most: 65_536 };
/** What a way to write a value makes of it at most, in bytes for each: a dump with its characters. */
const GROWTH = 6;
const SPOKEN = new Set<string>(["said", "result", "assistant"]);
const SECRET_NAME = /secret[_-]?access[_-]?key/i;

/**
 * A request to a model without the values that its session must not see and without what looks like a credential, in clear or
 * in what they may be written in (engine/mask/layers), also where they are split over strings that follow each other. Every
 * byte outside of them stays as it is, and so does what the provider signed. The same body and the same known values give
 * the same bytes. `alsoSigned`: for who will not send it to the provider. Throws Refusal `unmaskable` where the session knows
 * more than can be looked for, or the prompt is in more strings than can be searched.
 */
export async function redactPrompt(
  body: Buffer,
  known: readonly KnownValues[],
  { alsoSigned = false }: { alsoSigned?: boolean } = {},
): Promise<{ body: Buffer; redactions: Redactions }> {
  const redactions: Redactions = { count: 0, maskedFields: [], fingerprints: {}, patterns: {}, signed: 0 };
  const search: Search = {
    known,
    names: true,
    room: { bytes: UNPACKED, decoded: UNPACKED + DECODED * body.length },
    pause: turns(),
  };
  let now = body;
  for (let round = 0; round < ROUNDS; round++) {
    const strings = await readStrings(now, search);
    if (alsoSigned) for (const string of strings) if (string.kind === "signed") string.kind = "assistant";
    await search.pause();
    const found = await findAll(now, strings, search);
    if (round === 0) redactions.signed = await inSigned(now, strings, search);
    // What a session knows may have been given up since: what was not found then says nothing.
    refuseIncomplete(known);
    if (found.length === 0) return { body: now, redactions };
    const taken = takeOut(now, strings, found);
    now = taken.body;
    note(redactions, taken.found);
  }
  throw new Refusal("unmaskable", "the prompt holds secret values in a way in which they cannot be taken out of it", {
    next: "Begin a new dialogue without them.",
  });
}

function refuseIncomplete(known: readonly KnownValues[]): void {
  if (known.every(({ complete }) => complete)) return;
  throw new Refusal("unmaskable", "this session has seen more secret values than can be looked for in a prompt", {
    next: "Log in again: a new session has nothing to look for. Read fewer Secrets in it.",
  });
}

function turns(): Search["pause"] {
  let last = performance.now();
  return () => {
    if (performance.now() - last < SLICE_MS) return undefined;
    return nextTurn().then(() => {
      last = performance.now();
    });
  };
}

async function readStrings(body: Buffer, { pause }: Search): Promise<PromptString[]> {
  const reader = promptStrings(body);
  for (;;) {
    const { done, value } = reader.next();
    if (done === true) return value;
    await pause();
  }
}

async function findAll(body: Buffer, strings: readonly PromptString[], search: Search): Promise<Found[]> {
  const reach = reachOf(search.known);
  const spoken = strings.filter(({ kind }) => SPOKEN.has(kind));
  const own = strings.filter(({ kind }) => kind === "own");
  const others = strings.filter(({ kind }) => kind === "word" || kind === "own");
  // What could be a name is one in the API's own words, in tools' definitions and in what the client's program says.
  const found = [
    ...(await findIn(body, cut(body, spoken, reach), search)),
    ...(await findIn(body, cut(body, others, reach), { ...search, names: false })),
    ...(await findIn(body, bordersOf(body, spoken, reach), search)),
    ...(await findIn(body, bordersOf(body, own, reach), { ...search, names: false })),
  ];
  for (const { start, end } of strings.filter(({ key }) => SECRET_NAME.test(key))) {
    const match = findPatterns(body.toString("latin1", start, end), ["cloud-key"], "secretAccessKey").length > 0;
    if (match) found.push({ pieces: [{ start, end }], what: { pattern: "cloud-key" } });
  }
  return found;
}

/** How many of the strings that the provider signed hold anything. */
async function inSigned(body: Buffer, strings: readonly PromptString[], search: Search): Promise<number> {
  const signed = strings.filter(({ kind }) => kind === "signed");
  if (signed.length === 0) return 0;
  const found = await findIn(body, cut(body, signed, 0), { ...search, names: false });
  return signed.filter(touching(found)).length;
}

/** How far a value may reach to both sides of a border. */
function reachOf(known: readonly KnownValues[]): number {
  const longest = known.reduce((length, values) => Math.max(length, values.longest), 0);
  return Math.min(REACH.most, Math.max(REACH.least, longest * GROWTH));
}

/** The strings in pieces that are searched at once; what is cut overlaps, so that a value stands in one of them. */
function cut(body: Buffer, strings: readonly PromptString[], reach: number): Piece[] {
  return strings.flatMap(({ start, end }) => {
    if (end - start <= 2 * BATCH) return [{ start, end }];
    const pieces: Piece[] = [];
    for (let at = start; at < end; ) {
      const to = Math.min(end, at + BATCH + reach);
      pieces.push({ start: at, end: to === end ? end : cutBefore(body, to, at) });
      if (to === end) break;
      at = cutBefore(body, at + BATCH, at);
    }
    return pieces;
  });
}

/** What stands around the borders of all that is said in order, of tools' results in order, and of the person's words and the model's. */
function bordersOf(body: Buffer, spoken: readonly PromptString[], reach: number): Piece[] {
  const following = new Map(spoken.map((string, i) => [string, spoken[i + 1]]));
  const skip = (before: PromptString, after: PromptString): boolean => following.get(before) === after;
  const of = (kind: string): PromptString[] => spoken.filter((string) => string.kind === kind);
  return [
    ...borderPieces(body, spoken, reach, { trimmed: false }),
    ...borderPieces(body, spoken, reach, { trimmed: true }),
    ...[of("result"), of("said"), of("assistant")].flatMap((one) => [
      ...borderPieces(body, one, reach, { trimmed: false, skip }),
      ...borderPieces(body, one, reach, { trimmed: true, skip }),
    ]),
  ];
}

function note(redactions: Redactions, found: readonly Found[]): void {
  const fields = new Set(redactions.maskedFields);
  for (const { what } of found) {
    redactions.count++;
    if ("pattern" in what) {
      redactions.patterns[what.pattern] = (redactions.patterns[what.pattern] ?? 0) + 1;
      continue;
    }
    const { path, fingerprint } = what.known.originOf(what.value);
    if (path === "") continue;
    fields.add(path);
    if (fingerprint !== undefined) redactions.fingerprints[path] = fingerprint;
  }
  redactions.maskedFields = [...fields];
}
