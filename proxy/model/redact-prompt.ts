import { setImmediate as nextTurn } from "node:timers/promises";
import { Refusal } from "../../base/errors.ts";
import type { KnownValues } from "../../engine/mask/known-values.ts";
import type { Found, Search } from "../../engine/mask/layers/find.ts";
import { findPatterns } from "../../engine/mask/patterns.ts";
import { borderTexts, cutBefore, type Texts } from "./prompt-borders.ts";
import { type PromptString, promptStrings, stringAt, textOf } from "./prompt-strings.ts";
import { BATCH, findIn } from "./search-pieces.ts";
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
/** What an encoding makes of a value at most, in bytes for each; of short ones a dump is longer. */
const GROWTH = 3;
/** More that is found is no prompt of a dialogue's, and would take more memory than one may. */
const MOST_FOUND = 65_536;
const SPOKEN = new Set<string>(["said", "result", "assistant"]);
const SECRET_NAME = /secret[_-]?access[_-]?key/i;

interface Options {
  /** Also what the provider signed, for who will not send it there. */
  alsoSigned?: boolean;
  /** Whether the provider itself said a text in this session. Absent: it said nothing. */
  said?: (text: string) => boolean;
  /** Lets others run; by the clock where absent. */
  pause?: Search["pause"];
}

/**
 * A request to a model without the values that its session must not see and without what looks like a credential, in clear or
 * in what they may be written in (engine/mask/layers), also where they are split over strings that follow each other. Every
 * byte outside of them stays as it is, and so does what the provider signed. The same body and the same known values give
 * the same bytes. Throws Refusal `unmaskable` where the session knows more than can be looked for, where the prompt is in more
 * strings than can be searched, and where a known value stands in what is said to be signed and the provider never said it.
 */
export async function redactPrompt(
  body: Buffer,
  known: readonly KnownValues[],
  { alsoSigned = false, said = () => false, pause = turns() }: Options = {},
): Promise<{ body: Buffer; redactions: Redactions }> {
  const redactions: Redactions = { count: 0, maskedFields: [], fingerprints: {}, patterns: {}, signed: 0 };
  const search: Search = {
    known,
    names: true,
    room: { bytes: UNPACKED, decoded: UNPACKED + DECODED * body.length },
    pause,
  };
  for (const values of known) while (values.prepare()) await pause();
  let now = body;
  for (let round = 0; round < ROUNDS; round++) {
    const strings = await readStrings(now, search);
    if (alsoSigned) for (const string of strings) if (string.kind === "signed") string.kind = "assistant";
    await search.pause();
    const { found, signed } = await findAll(now, strings, search);
    refuseForged(now, strings, signed, said);
    if (round === 0) redactions.signed = countOf(strings, signed);
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

/**
 * What is signed cannot be altered, and nobody here can tell whether a signature is true. What the provider said in this session
 * it knows already; with anything else in its place an agent would hand it what it must not have.
 */
function refuseForged(
  body: Buffer,
  strings: readonly PromptString[],
  signed: readonly Found[],
  said: (text: string) => boolean,
): void {
  for (const { pieces, what } of signed) {
    if ("pattern" in what) continue;
    for (const { start } of pieces) {
      const string = stringAt(strings, start);
      if (string === undefined || said(textOf(body, string))) continue;
      throw new Refusal(
        "unmaskable",
        "thinking in the prompt that says that the provider signed it holds a value that this session must not see, and the provider did not say it in this session",
        {
          next: "Begin a new dialogue (in Claude Code: /clear), or send the assistant's messages without their thinking: what is signed cannot be changed.",
        },
      );
    }
  }
}

function countOf(strings: readonly PromptString[], found: readonly Found[]): number {
  return new Set(found.flatMap(({ pieces }) => pieces.map(({ start }) => stringAt(strings, start)))).size;
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

/** `signed`: what stands in nothing but what the provider signed. */
async function findAll(
  body: Buffer,
  strings: readonly PromptString[],
  search: Search,
): Promise<{ found: Found[]; signed: Found[] }> {
  const reach = reachOf(search.known);
  const spoken: PromptString[] = [];
  const own: PromptString[] = [];
  const mixed: PromptString[] = [];
  for (const string of strings) {
    if (string.numbers) continue;
    if (string.kind === "own") own.push(string);
    if (string.kind === "signed") mixed.push(string);
    if (!SPOKEN.has(string.kind)) continue;
    string.place = spoken.push(string);
    mixed.push(string);
  }
  // What could be a name is one in the API's own words, in tools' definitions and in what the client's program says.
  const unnamed = { ...search, names: false };
  const all = [
    ...(await findIn(body, cut(body, strings, reach, SPOKEN), search)),
    ...(await findIn(body, cut(body, strings, reach, new Set(["word", "own", "signed"])), unnamed)),
    ...(await findIn(body, bordersOf(body, spoken, reach), search)),
    ...(await findIn(body, bordersOf(body, own, reach), unnamed)),
    ...(mixed.length > spoken.length ? await findIn(body, signedBorders(body, mixed, reach), unnamed) : []),
  ];
  if (all.length > MOST_FOUND) refuseFound();
  const found: Found[] = [];
  const signed: Found[] = [];
  for (const one of all) {
    const pieces = one.pieces.filter(({ start }) => stringAt(strings, start)?.kind !== "signed");
    if (pieces.length === 0) signed.push(one);
    else if (isWhole(body, strings, one)) found.push({ ...one, pieces });
  }
  for (const { start, end } of strings.filter(({ key, numbers }) => !numbers && SECRET_NAME.test(key))) {
    const match = findPatterns(body.toString("latin1", start, end), ["cloud-key"], "secretAccessKey").length > 0;
    if (match) found.push({ pieces: [{ start, end }], what: { pattern: "cloud-key" } });
  }
  return { found, signed };
}

function refuseFound(): never {
  throw new Refusal("unmaskable", "the prompt holds more secret values than can be taken out of it", {
    next: "Send less of it at once.",
  });
}

const DIGIT = /[\d.eE+-]/;

/** A number that has a value in the middle of it is another one. */
function isWhole(body: Buffer, strings: readonly PromptString[], { pieces }: Found): boolean {
  const [first] = pieces;
  const last = pieces.at(-1);
  if (first === undefined || last === undefined || stringAt(strings, first.start)?.numbers !== true) return true;
  const before = String.fromCharCode(body[first.start - 1] as number);
  return (before === "-" || !DIGIT.test(before)) && !DIGIT.test(String.fromCharCode(body[last.end] as number));
}

/** How far a value may reach to both sides of a border. */
function reachOf(known: readonly KnownValues[]): number {
  const longest = known.reduce((length, values) => Math.max(length, values.longest), 0);
  return Math.min(REACH.most, Math.max(REACH.least, longest * GROWTH));
}

/** Strings of some kinds in pieces that are searched at once; what is cut overlaps, so that a value stands in one of them. */
function* cut(body: Buffer, strings: readonly PromptString[], reach: number, kinds: ReadonlySet<string>): Texts {
  for (const { start, end, kind } of strings) {
    if (!kinds.has(kind)) continue;
    if (end - start <= 2 * BATCH) {
      yield [{ start, end }];
      continue;
    }
    for (let at = start; at < end; ) {
      const to = Math.min(end, at + BATCH + reach);
      yield [{ start: at, end: to === end ? end : cutBefore(body, to, at) }];
      if (to === end) break;
      at = cutBefore(body, at + BATCH, at);
    }
  }
}

/** What stands around the borders of all that is said in order, of tools' results in order, and of the person's words and the model's. */
function* bordersOf(body: Buffer, spoken: readonly PromptString[], reach: number): Texts {
  const skip = (before: PromptString, after: PromptString): boolean => after.place === (before.place ?? 0) + 1;
  yield* borderTexts(body, spoken, reach, { trimmed: false });
  yield* borderTexts(body, spoken, reach, { trimmed: true });
  for (const kind of ["result", "said", "assistant"]) {
    const one = spoken.filter((string) => string.kind === kind);
    yield* borderTexts(body, one, reach, { trimmed: false, skip });
    yield* borderTexts(body, one, reach, { trimmed: true, skip });
  }
}

/** And around those of what is signed. */
function* signedBorders(body: Buffer, mixed: readonly PromptString[], reach: number): Texts {
  const skip = (before: PromptString, after: PromptString): boolean =>
    before.kind !== "signed" && after.kind !== "signed";
  yield* borderTexts(body, mixed, reach, { trimmed: false, skip });
  yield* borderTexts(body, mixed, reach, { trimmed: true, skip });
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
