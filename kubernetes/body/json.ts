import { Refusal } from "../../base/errors.ts";
import { parseLossless } from "../../base/lossless-json.ts";

export const NESTING_LIMIT = 200;
/**
 * Values of one body. The largest definitions of custom resources have some 60,000; 3 MiB may have a million, which
 * take a second of the main thread to read, and more than policy takes to evaluate.
 */
export const VALUES_LIMIT = 250_000;

export function malformed(what: string): Refusal {
  return new Refusal("malformed-body", `the body is refused: ${what}`, { next: "Correct the body and send it again." });
}

/** Strict UTF-8: Go replaces bad bytes by U+FFFD, so that what was judged would not be what is stored. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw malformed("it is not valid UTF-8");
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Index of the quote that closes the string opened at `start`; -1 where none does. */
function endOfString(text: string, start: number): number {
  let end = start;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) return end;
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    if ((end - before) % 2 === 1) return end;
  }
}

/** Counts values by what stands before or around them, without reading any; the text may be anything. */
function refuseMany(text: string): void {
  let values = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      const end = endOfString(text, i);
      if (end < 0) return;
      i = end;
    } else if ((c === 0x2c || c === 0x5b || c === 0x7b) && ++values > VALUES_LIMIT) {
      throw tooMany();
    }
  }
}

export function tooMany(): Refusal {
  return malformed(`it holds more than ${VALUES_LIMIT} values`);
}

/** One string, decoded. Go turns a lone surrogate into U+FFFD, which makes two different keys one. */
function decodeString(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  if (!raw.includes("\\")) return raw;
  const value = JSON.parse(text.slice(start, end + 1)) as string;
  if (!value.isWellFormed()) throw malformed("a string holds half of a surrogate pair");
  return value;
}

/** Looks for what JSON.parse lets pass: duplicate keys, deep nesting, lone surrogates. `text` is valid JSON. */
function inspect(text: string): void {
  const open: (Set<string> | null)[] = [];
  let keys: Set<string> | null = null;
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      const end = endOfString(text, i);
      const value = decodeString(text, i, end);
      if (expectKey && keys !== null) {
        if (keys.has(value)) throw malformed(`the key "${value.slice(0, 100)}" stands twice in one object`);
        keys.add(value);
        expectKey = false;
      }
      i = end;
    } else if (c === 0x7b || c === 0x5b) {
      keys = c === 0x7b ? new Set() : null;
      expectKey = keys !== null;
      if (open.push(keys) > NESTING_LIMIT) throw malformed(`it is nested deeper than ${NESTING_LIMIT} levels`);
    } else if (c === 0x7d || c === 0x5d) {
      open.pop();
      keys = open[open.length - 1] ?? null;
      expectKey = false;
    } else if (c === 0x2c) {
      expectKey = keys !== null;
    }
  }
}

/**
 * JSON in which every reader sees the same: no duplicate keys (the API server takes the last), nesting of at
 * most 200, at most VALUES_LIMIT values, well-formed strings. Keys stay case-sensitive, as they are to sigs.k8s.io/json. Integers beyond
 * 2^53 are kept exactly (base/lossless-json). Throws Refusal `malformed-body`.
 */
export function parseStrictJson(text: string): unknown {
  refuseMany(text);
  let value: unknown;
  try {
    value = parseLossless(text);
  } catch {
    // V8's message quotes the text, which may hold a secret.
    throw malformed("it is not valid JSON");
  }
  inspect(text);
  return value;
}
