/**
 * JSON that survives a round trip. JavaScript numbers are doubles, and an int64 of Kubernetes beyond 2^53
 * would come out as a neighbour. Such integers are kept as `JSON.rawJSON` objects: JSON.stringify writes
 * them as they were, and code that walks values meets a frozen leaf (`isRawNumber`).
 */
export interface RawNumber {
  readonly rawJSON: string;
}

interface RawJson {
  rawJSON(text: string): RawNumber;
  isRawJSON(value: unknown): value is RawNumber;
}
// Node 24 has the proposal-json-parse-with-source functions; TypeScript's es2024 library does not name them.
const json = JSON as unknown as RawJson;

/** Sixteen digits in a row, or an exponent of three: only then can a number lose anything (a string may match too). */
const MAY_LOSE = /\d{16}|\d[eE]\+?\d{3}/;

export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value);
}

/** A number with exactly this JSON text. Throws SyntaxError where it is no JSON primitive. */
export function rawNumber(text: string): RawNumber {
  return json.rawJSON(text);
}

function parse(text: string): unknown {
  return MAY_LOSE.test(text) ? parseKeeping(text) : JSON.parse(text);
}

/** A string, which is skipped whole, or the middle of a number that may lose something. */
const LOSSY = /"|\d{16}|\d[eE]\+?\d{3}/g;
const IN_NUMBER = /[\d.eE+-]/;
const NUMBER = /[\d.eE+-]+/y;

/** Reads a name for each long integer, and puts the integers back: a reviver costs 3 µs for every value of the text. */
function parseKeeping(text: string): unknown {
  const nonce = `number-${crypto.randomUUID()}-`;
  const kept = new Map<string, RawNumber>();
  const parts: string[] = [];
  let from = 0;
  LOSSY.lastIndex = 0;
  for (let found = LOSSY.exec(text); found !== null; found = LOSSY.exec(text)) {
    if (found[0] === '"') {
      const end = endOfString(text, found.index);
      if (end < 0) break;
      LOSSY.lastIndex = end + 1;
      continue;
    }
    let start = found.index;
    while (IN_NUMBER.test(text.charAt(start - 1))) start--;
    NUMBER.lastIndex = start;
    const [source] = NUMBER.exec(text) as RegExpExecArray;
    LOSSY.lastIndex = start + source.length;
    const value = Number(source);
    if (!Number.isFinite(value)) throw new SyntaxError("number out of range");
    if (!Number.isInteger(value) || Number.isSafeInteger(value) || !/^-?\d+$/.test(source)) continue;
    COLON.lastIndex = LOSSY.lastIndex;
    if (COLON.test(text)) throw new SyntaxError("a key is a number");
    const name = nonce + kept.size;
    kept.set(name, rawNumber(source));
    parts.push(text.slice(from, start), `"${name}"`);
    from = LOSSY.lastIndex;
  }
  if (kept.size === 0) return JSON.parse(text);
  const root = { value: JSON.parse(parts.join("") + text.slice(from)) as unknown };
  const left: unknown[] = [root];
  while (left.length > 0) {
    const holder = left.pop() as Record<string, unknown>;
    for (const key of Object.keys(holder)) {
      const value = holder[key];
      if (typeof value === "object" && value !== null) left.push(value);
      else if (typeof value === "string" && value.startsWith(nonce)) holder[key] = kept.get(value);
    }
  }
  return root.value;
}

/** A key that is written with an escape (or a string in a list, which costs no more than a look). */
const ESCAPED_KEY = /[{,]\s*"[^"\\]*\\/;

/**
 * JSON.parse, with integers beyond 2^53 kept exactly, and with the keys that the text has. Throws SyntaxError; also
 * on numbers that no double can hold (1e400), which JSON.stringify would turn into null, and where thousands of keys
 * are escaped.
 *
 * V8 12.8 to 14.6 reads an escaped key as a key of an earlier object whose characters the raw text begins with
 * (nodejs/node#63785): after `{"hostPat\\":1}` was read once, anywhere in the process, `{"hostPat\u0068":1}` has the
 * key `hostPat\` to us, and `hostPath` to the API server. What it gets wrong always holds a backslash.
 */
export function parseLossless(text: string): unknown {
  const value = parse(text);
  return ESCAPED_KEY.test(text) && hasBackslashInKey(value) ? parseByPlainKeys(text) : value;
}

function hasBackslashInKey(root: unknown): boolean {
  const left = [root];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== "object" || value === null || isRawNumber(value)) continue;
    if (Array.isArray(value)) {
      for (const item of value) left.push(item);
      continue;
    }
    for (const [key, item] of Object.entries(value)) {
      if (key.includes("\\")) return true;
      left.push(item);
    }
  }
  return false;
}

/** Index of the quote that ends the string opened at `start`; -1 where none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text[before] === "\\") before--;
    if ((end - before) % 2 === 1) return end;
  }
}

const COLON = /\s*:/y;
/** In one text, at some 10 µs each: objects have tens of them (managedFields). */
const ESCAPED_KEYS_LIMIT = 10_000;

/** Puts a name that needs no escape in the place of each key, and the keys back once it is read. */
function parseByPlainKeys(text: string): unknown {
  const nonce = `key-${crypto.randomUUID()}-`;
  const escaped = new Map<string, string>();
  const names = new Map<string, string>();
  const keys = new Map<string, string>();
  const plain: string[] = [];
  let from = 0;
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = endOfString(text, start);
    COLON.lastIndex = end + 1;
    if (COLON.test(text)) {
      const raw = text.slice(start, end + 1);
      let key = raw.slice(1, -1);
      if (raw.includes("\\")) {
        // As a value, not as a key, V8 reads it right.
        key = escaped.get(raw) ?? (JSON.parse(raw) as string);
        if (escaped.set(raw, key).size > ESCAPED_KEYS_LIMIT) throw new SyntaxError("too many keys with escapes");
      }
      const name = names.get(key) ?? `${nonce}${names.size}`;
      names.set(key, name);
      keys.set(name, key);
      plain.push(text.slice(from, start + 1), name);
      from = end;
    }
    start = text.indexOf('"', end + 1);
  }
  plain.push(text.slice(from));
  const restore = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || isRawNumber(value)) return value;
    if (Array.isArray(value)) return value.map(restore);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [keys.get(key) ?? key, restore(item)]));
  };
  return restore(parse(plain.join("")));
}
