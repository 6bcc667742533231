import { Refusal } from "../../base/errors.ts";
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
  let matcher: ByteMatcher | undefined;
  let state = 0;
  let tail: Uint8Array = NOTHING;
  let redactions = 0;
  const found = new Set<number>();

  /** Spans in `tail` and `chunk`, as offsets into both together. */
  function search(chunk: Uint8Array): Span[] {
    const spans: Span[] = [];
    refuseIncomplete(known);
    const now = known.matcher();
    if (now !== matcher) {
      matcher = now;
      state = now.scan(0, tail, 0, spans);
    }
    state = now.scan(state, chunk, tail.length, spans);
    return spans;
  }

  return {
    push(chunk) {
      if (known.size === 0) return chunk;
      const spans = search(chunk);
      const length = tail.length + chunk.length;
      let keep = Math.min((matcher as ByteMatcher).depth(state), length);
      if (spans.length === 0 && tail.length === 0 && keep === 0) return chunk;
      const bytes = Buffer.allocUnsafe(length);
      bytes.set(tail);
      bytes.set(chunk, tail.length);
      for (const { start, end, value } of spans) {
        bytes.fill(STAR, Math.max(start, 0), end);
        redactions++;
        if (found.size < FOUND_LIMIT) found.add(value);
      }
      // What is overwritten anyway waits for nothing.
      const last = spans.at(-1);
      if (last !== undefined && last.start <= length - keep) keep = Math.min(keep, length - last.end);
      tail = bytes.subarray(length - keep);
      return bytes.subarray(0, length - keep);
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

/** Throws Refusal `unmaskable` where the session has masked more than can be looked for in a stream. */
export function refuseIncomplete(known: KnownValues): void {
  if (known.complete) return;
  throw new Refusal("unmaskable", "this session has masked more values than can be looked for in a stream", {
    next: "Log in again, and read fewer Secrets before you open logs or a terminal.",
  });
}
