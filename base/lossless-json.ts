/**
 * JSON that survives a round trip. JavaScript numbers are doubles, and an int64 of Kubernetes beyond 2^53
 * would come out as a neighbour. Such integers are kept as `JSON.rawJSON` objects: JSON.stringify writes
 * them as they were, and code that walks values meets a frozen leaf (`isRawNumber`).
 */
export interface RawNumber {
  readonly rawJSON: string;
}

interface RawJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { source: string }) => unknown): unknown;
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

function keep(_key: string, value: unknown, context: { source: string }): unknown {
  if (typeof value !== "number") return value;
  if (!Number.isFinite(value)) throw new SyntaxError("number out of range");
  return Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(context.source)
    ? json.rawJSON(context.source)
    : value;
}

/**
 * JSON.parse, with integers beyond 2^53 kept exactly. Throws SyntaxError; also on numbers that no double
 * can hold (1e400), which JSON.stringify would turn into null.
 */
export function parseLossless(text: string): unknown {
  return MAY_LOSE.test(text) ? json.parse(text, keep) : JSON.parse(text);
}
