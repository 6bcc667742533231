import { parseLossless } from "../../base/lossless-json.ts";
import { endOfString } from "./spans.ts";

/** A text that is no JSON, or that readers read differently. The message quotes nothing of it. */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

export interface JsonLimits {
  /** How deep arrays and objects may be nested: 100 where absent. */
  depth?: number;
  /** How many values there may be: 250,000 where absent, which take some 0.2 s to read. */
  values?: number;
  /**
   * Down to which depth keys that differ in case alone are one key, as Go's encoding/json reads them: 0 where absent.
   * The root's keys are at depth 1.
   */
  foldDepth?: number;
  /** Keys, in lower case, that count: down to that depth none may be written with other letters in capitals. */
  names?: ReadonlySet<string>;
  /** Strings may hold half of a surrogate pair, whose other half is in the next piece of a text. */
  halves?: boolean;
}

const QUOTE = 0x22;

const PLAIN = /^[a-z0-9_]*$/;

/** Go's folding of ASCII letters: U+212A is k and U+017F is s as well. */
export function fold(key: string): string {
  return PLAIN.test(key) ? key : key.toUpperCase().toLowerCase();
}

/** The first of `names` that some readers take a key of the object for, and others for a field that they do not know. */
export function lookalikeIn(object: Record<string, unknown>, names: ReadonlySet<string>): string | undefined {
  for (const key in object) {
    const name = fold(key);
    if (name !== key && names.has(name)) return name;
  }
  return undefined;
}

/** One string of the text, decoded; undefined where it is none. */
function decode(raw: string): string | undefined {
  if (!raw.includes("\\")) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return undefined;
  }
}

/** What JSON.parse lets pass, and costs that it would have. The text may be anything; only JSON is read right. */
function inspect(text: string, limits: JsonLimits): void {
  const { depth = 100, values = 250_000, foldDepth = 0, halves = false, names } = limits;
  if (!(halves || text.isWellFormed())) throw new JsonError("a string holds half of a surrogate pair");
  const open: (Set<string> | null)[] = [];
  let keys: Set<string> | null = null;
  let expectKey = false;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      const end = endOfString(text, i);
      if (end < 0) return;
      const raw = text.slice(i + 1, end);
      i = end;
      if (expectKey && keys !== null) {
        const key = decode(raw);
        if (key === undefined) return;
        if (!(halves || key.isWellFormed())) throw new JsonError("a key holds half of a surrogate pair");
        // Where a reader assigns it, the object has fields that no list of its keys shows.
        if (key === "__proto__") throw new JsonError("a key is written so that readers differ");
        const known = open.length <= foldDepth ? fold(key) : key;
        if (known !== key && names?.has(known)) throw new JsonError("a key is written so that readers differ");
        if (keys.has(known)) throw new JsonError("a key stands twice in one object");
        keys.add(known);
        expectKey = false;
      } else if (!halves && raw.includes("\\u") && decode(raw)?.isWellFormed() === false) {
        throw new JsonError("a string holds half of a surrogate pair");
      }
    } else if (c === 0x7b || c === 0x5b) {
      keys = c === 0x7b ? new Set() : null;
      expectKey = keys !== null;
      if (open.push(keys) > depth) throw new JsonError(`it is nested deeper than ${depth} levels`);
      if (++count > values) throw new JsonError(`it holds more than ${values} values`);
    } else if (c === 0x7d || c === 0x5d) {
      open.pop();
      keys = open[open.length - 1] ?? null;
      expectKey = false;
    } else if (c === 0x2c) {
      expectKey = keys !== null;
      if (++count > values) throw new JsonError(`it holds more than ${values} values`);
    }
  }
}

/**
 * JSON (RFC 8259) that every reader reads the same: no key twice in one object, well-formed strings, nesting and number
 * of values bounded. Integers beyond 2^53 are kept exactly (base/lossless-json). Throws JsonError.
 */
export function parseStrict(text: string, limits: JsonLimits = {}): unknown {
  inspect(text, limits);
  try {
    return parseLossless(text);
  } catch {
    // V8's message quotes the text, which may hold a secret.
    throw new JsonError("it is not valid JSON");
  }
}

/** `parseStrict` of a text that must be an object. */
export function parseStrictObject(text: string, limits: JsonLimits = {}): Record<string, unknown> {
  const value = parseStrict(text, limits);
  if (!isObject(value)) throw new JsonError("it is no JSON object");
  return value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
