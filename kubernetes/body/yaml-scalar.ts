import { type RawNumber, rawNumber } from "../../base/lossless-json.ts";

/** The words of YAML 1.1 that go-yaml v2 resolves (resolve.go): `hostNetwork: yes` is true to the API server. */
const WORDS = new Map<string, boolean | null>([
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((w) => [w, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((w) => [w, false] as const),
  ...["", "~", "null", "Null", "NULL"].map((w) => [w, null] as const),
]);
const NOT_JSON = /^(?:\.nan|\.NaN|\.NAN|[+-]?\.(?:inf|Inf|INF))$/;
// strconv.ParseFloat takes underscores between digits.
const DOT_FLOAT = /^\.\d+(?:_\d+)*(?:[eE][+-]?\d+(?:_\d+)*)?$/;
const FLOAT = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/;
// strconv.ParseInt(text, 0, 64): a leading zero is octal. Sexagesimal numbers of YAML 1.1 stay strings.
const INTEGER = /^[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|0[0-7]*|[1-9]\d*)$/;
const INT64_MIN = -(2n ** 63n);
const UINT64_MAX = 2n ** 64n - 1n;

function integer(text: string): number | RawNumber | undefined {
  if (!INTEGER.test(text) || text.length > 100) return undefined;
  const negative = text.startsWith("-");
  const digits = text.replace(/^[-+]/, "");
  const magnitude = BigInt(/^0\d/.test(digits) ? `0o${digits}` : digits);
  const value = negative ? -magnitude : magnitude;
  if (value < INT64_MIN || value > UINT64_MAX) return undefined;
  return Number.isSafeInteger(Number(value)) ? Number(value) : rawNumber(value.toString());
}

/** Whether a plain scalar is an integer of at most 64 bits to it. */
export function isInteger(text: string): boolean {
  return /^[-+\d]/.test(text) && integer(text.replaceAll("_", "")) !== undefined;
}

/** What a plain scalar without a tag means to go-yaml v2, which sigs.k8s.io/yaml reads with; `undefined` where JSON cannot say it. */
export function resolvePlain(text: string): boolean | null | number | string | RawNumber | undefined {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (NOT_JSON.test(text)) return undefined;
  const first = text[0] as string;
  const isNumeric = first === "." ? DOT_FLOAT.test(text) : /[-+\d]/.test(first);
  if (!isNumeric) return text;
  const plain = text.replaceAll("_", "");
  // go-yaml parses what follows 0b by itself, sign and all.
  if (/^0b[-+]/.test(plain)) return undefined;
  const whole = integer(plain);
  if (whole !== undefined) return whole;
  if (!FLOAT.test(plain)) return text;
  const float = Number(plain);
  // strconv.ParseFloat fails out of range, and the scalar stays a string.
  return Number.isFinite(float) ? float : text;
}
