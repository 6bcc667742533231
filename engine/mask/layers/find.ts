import { Refusal } from "../../../base/errors.ts";
import type { KnownValues } from "../known-values.ts";
import { patternsIn } from "../pattern-anchors.ts";
import type { Pattern } from "../patterns.ts";
import { decompressed, packedIn } from "./compressed.ts";
import { dumpsOf } from "./dumps.ts";
import { entitiesOf, escapesOf, percentOf, withoutControls } from "./escapes.ts";
import type { Layer, Range } from "./layer.ts";
import { listingOf } from "./listing.ts";
import { base64Of, hexOf, runsIn } from "./runs.ts";
import { utf16Of } from "./utf16.ts";

/** A secret that was found: where it stands in the outermost bytes, in pieces where it is split, and what it is. */
export interface Found {
  pieces: Range[];
  what: { known: KnownValues; value: number } | { pattern: Pattern | "unreadable" };
}

/** What is looked for, and how much may be spent on it. */
export interface Search {
  known: readonly KnownValues[];
  /** Also those values that could be names. */
  names: boolean;
  /** Bytes that may still be made of what is compressed; what takes more is told as `unreadable`. And bytes of all layers. */
  room: { bytes: number; decoded: number };
  /** Lets others run: called every few milliseconds of work. */
  pause(): Promise<void> | undefined;
}

/** Codings in codings: JSON in JSON in base64 of a compressed text, and one more. */
const DEPTH = 6;
/** What it costs to look whether something is compressed: words begin like it. */
const TRY = 16_384;
/** So many in one run are looked at: who writes more hides nothing that could not be hidden elsewhere. */
const IN_RUN = 8;
/** The base64 of the first three bytes of what gzip wrote. */
const GZIP = "H4sI";

/** How a layer was read out of another one. */
type Way = "bytes" | "escapes" | "percent" | "entities" | "controls" | "listing" | "lines";

/**
 * What each may have in it again. Bytes that were encoded may be anything; of the others not all orders are looked at, since the
 * same text would be read over and over: a program with its lines numbered has escapes, and a few of all else.
 */
const INSIDE: Record<Way, ReadonlySet<Way>> = {
  bytes: new Set(["bytes", "escapes", "percent", "entities", "controls", "listing"]),
  escapes: new Set(["bytes", "escapes", "percent", "entities", "controls", "listing"]),
  percent: new Set(["escapes", "percent"]),
  entities: new Set(["escapes", "percent", "entities"]),
  controls: new Set(["bytes", "escapes", "listing"]),
  listing: new Set(),
  lines: new Set(),
};

/**
 * Finds known values and what looks like a credential in a layer, and in what stands in it in escapes, percent-encoded, in
 * entities, in base64, in hex, in dumps, in UTF-16 and compressed, each inside of each other, and between colours and the numbers
 * of lines. Values are looked for in all forms in which a KnownValues has them. Throws Refusal `unmaskable` where there is more in
 * them than `search` has room for.
 */
export async function findSecrets(layer: Layer, search: Search, depth = 0, way: Way = "bytes"): Promise<Found[]> {
  const found = knownIn(layer, search);
  // Of lines without their numbers all else was seen with them.
  if (way === "lines") return found;
  found.push(...patternsOf(layer));
  if (depth >= DEPTH) return found;
  await search.pause();
  const may = INSIDE[way];
  const escapes = may.has("escapes") ? escapesOf(layer) : undefined;
  const lined = search.known.some((values) => values.lined);
  const inner: [Layer | undefined, Way][] = [
    [escapes, "escapes"],
    [may.has("percent") ? percentOf(layer) : undefined, "percent"],
    [may.has("entities") ? entitiesOf(layer) : undefined, "entities"],
    [may.has("controls") ? withoutControls(layer) : undefined, "controls"],
    [may.has("listing") ? listingOf(layer, false) : undefined, "listing"],
    [may.has("listing") && lined ? listingOf(layer, true) : undefined, "lines"],
  ];
  if (may.has("bytes")) for (const one of [utf16Of(layer), ...dumpsOf(layer)]) inner.push([one, "bytes"]);
  // What has escapes is read for runs without them: a line end in escapes would be part of the run behind it.
  const read = new Set(escapes?.parts.map(({ start }) => start));
  const runs = layer.stretches
    .filter(({ start }) => !read.has(start))
    .flatMap(({ start, end }) => runsIn(layer.bytes, start, end));
  for (const decoded of [base64Of(layer, [...runs, ...gzipInside(layer, runs)]), hexOf(layer, runs)]) {
    if (decoded === undefined) continue;
    inner.push([decoded, "bytes"]);
    for (const packed of decoded.parts.flatMap(({ at, length }) => packedIn(decoded.bytes, at, length))) {
      search.room.bytes -= TRY;
      const text = await decompressed(decoded, packed, search.room.bytes);
      if (text === "too large") {
        found.push({ pieces: decoded.outermost(packed), what: { pattern: "unreadable" } });
      } else if (text !== undefined) {
        search.room.bytes -= text.bytes.length;
        inner.push([text, "bytes"]);
      }
    }
  }
  for (const [one, by] of inner) {
    if (one === undefined) continue;
    search.room.decoded -= one.bytes.length;
    if (search.room.decoded < 0) refuse();
    found.push(...(await findSecrets(one, search, depth + 1, by)));
  }
  return found;
}

function refuse(): never {
  throw new Refusal("unmaskable", "the text holds more in encodings inside of each other than can be searched", {
    next: "Send less of it at once.",
  });
}

function knownIn(layer: Layer, { known, names }: Search): Found[] {
  const found: Found[] = [];
  for (const values of known) {
    if (!values.mayStandIn(layer.bytes)) continue;
    for (const span of values.find(layer.bytes, names)) {
      found.push({ pieces: layer.outermost(span), what: { known: values, value: span.value } });
    }
  }
  return found;
}

function patternsOf(layer: Layer): Found[] {
  return patternsIn(layer.bytes).map(({ start, end, pattern }) => ({
    pieces: layer.outermost({ start, end }),
    what: { pattern },
  }));
}

/** Runs that begin with what gzip wrote, in the middle of others: letters may stand before it. */
function gzipInside({ bytes }: Layer, runs: readonly Range[]): Range[] {
  const found: Range[] = [];
  let next = 0;
  let count = 0;
  for (let at = bytes.indexOf(GZIP); at >= 0; at = bytes.indexOf(GZIP, at + GZIP.length)) {
    for (; next < runs.length && (runs[next] as Range).end <= at; next++) count = 0;
    const run = runs[next];
    if (run !== undefined && run.start < at && count++ < IN_RUN) found.push({ start: at, end: run.end });
  }
  return found;
}
