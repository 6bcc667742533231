import { Refusal } from "../../base/errors.ts";
import { WINDOW } from "./byte-filter.ts";
import type { ByteMatcher, Span } from "./byte-matcher.ts";
import type { KnownValues } from "./known-values.ts";

/** Different values that one stream puts on record. */
const FOUND_LIMIT = 100;
const STAR = 0x2a;

/** Overwrites known values in a stream of bytes with `*`: as many bytes come out as went in, so that frames keep their lengths. */
export interface StreamRedactor {
  /** What may go out now: all but a tail that may be the beginning of a value. Never changes its argument. */
  push(chunk: Uint8Array): Uint8Array;
  /**
   * Gives up the tail: at the end, or when the stream has been quiet for so long that a person waits for it. The
   * match goes on: what completes a value is still overwritten.
   */
  flush(): Uint8Array;
  /** How many values were overwritten. */
  readonly redactions: number;
  /** How many bytes wait for what comes after them. */
  readonly held: number;
  /** Where the overwritten values come from (`shop/db:data.password`), and their HMACs: for the record. */
  readonly maskedFields: string[];
  readonly fingerprints: Record<string, string>;
}

const NOTHING = new Uint8Array(0);

/**
 * A redactor for one stream of a session; what the session comes to know while the stream is open counts from then
 * on. Throws Refusal `unmaskable` where the session has masked more than can be looked for.
 */
export function createStreamRedactor(known: KnownValues): StreamRedactor {
  refuseIncomplete(known);
  let states = new Map<ByteMatcher, number>();
  let tail: Uint8Array = NOTHING;
  let redactions = 0;
  const found = new Set<number>();

  /** Where values stand in `tail` and `chunk` together, and from where on a value may still go on. */
  function search(chunk: Uint8Array): { spans: Span[]; open: number } {
    const spans: Span[] = [];
    const length = tail.length + chunk.length;
    let open = length;
    const next = new Map<ByteMatcher, number>();
    const end = ruledOut(chunk) ? lastOf(chunk) : undefined;
    for (const matcher of known.matchers()) {
      const mine: Span[] = [];
      // One that is new has not seen the tail yet.
      const from = end === undefined ? (states.get(matcher) ?? matcher.scan(0, tail, 0, mine)) : 0;
      const state = matcher.scan(from, end ?? chunk, length - (end ?? chunk).length, mine);
      next.set(matcher, state);
      open = Math.min(open, length - matcher.depth(state));
      for (const span of mine) spans.push(span);
    }
    states = next;
    return { spans, open: skip(spans, Math.max(open, 0)) };
  }

  /** Whether no value stands in the tail and the chunk, nor begins in them before their last bytes. */
  function ruledOut(chunk: Uint8Array): boolean {
    if (tail.length >= WINDOW) return false;
    // What was given up is not in the tail, and a value that began there may go on.
    for (const [matcher, state] of states) if (matcher.depth(state) > tail.length) return false;
    if (known.mayStandIn(chunk)) return false;
    return tail.length === 0 || !known.mayStandIn(Buffer.concat([tail, chunk.subarray(0, WINDOW)]));
  }

  /** So few bytes that no value can begin in them and be seen by `ruledOut`. */
  function lastOf(chunk: Uint8Array): Uint8Array {
    return Buffer.concat([tail, chunk.subarray(Math.max(0, chunk.length - WINDOW))]).subarray(-(WINDOW - 1));
  }

  return {
    push(chunk) {
      refuseIncomplete(known);
      if (known.size === 0) return chunk;
      const { spans, open } = search(chunk);
      const length = tail.length + chunk.length;
      if (spans.length === 0 && tail.length === 0 && open === length) return chunk;
      const bytes = Buffer.allocUnsafe(length);
      bytes.set(tail);
      bytes.set(chunk, tail.length);
      for (const { start, end, value } of spans) {
        bytes.fill(STAR, Math.max(start, 0), end);
        redactions++;
        if (found.size < FOUND_LIMIT) found.add(value);
      }
      tail = bytes.subarray(open);
      return bytes.subarray(0, open);
    },
    flush() {
      const given = tail;
      tail = NOTHING;
      return given;
    },
    get redactions() {
      return redactions;
    },
    get held() {
      return tail.length;
    },
    get maskedFields() {
      return [...new Set([...found].map((value) => known.originOf(value).path))].filter((path) => path !== "");
    },
    get fingerprints() {
      const fingerprints: Record<string, string> = {};
      for (const value of found) {
        const { path, fingerprint } = known.originOf(value);
        if (path !== "" && fingerprint !== undefined) fingerprints[path] = fingerprint;
      }
      return fingerprints;
    },
  };
}

/** What is overwritten anyway waits for nothing. */
function skip(spans: Span[], from: number): number {
  let open = from;
  for (const { start, end } of spans.sort((a, b) => a.start - b.start)) {
    if (start > open) break;
    open = Math.max(open, end);
  }
  return open;
}

/** Throws Refusal `unmaskable` where the session has masked more than can be looked for in a stream. */
export function refuseIncomplete(known: KnownValues): void {
  if (known.complete) return;
  throw new Refusal("unmaskable", "this session has masked more values than can be looked for in a stream", {
    next: "Log in again: a new session has nothing to look for. Read fewer Secrets in it before you open logs or a terminal.",
  });
}
