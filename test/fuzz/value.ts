import { isRawNumber } from "../../base/lossless-json.ts";
import type { Random } from "./random.ts";

/** Strings in which encodings, quoting and number grammars differ. */
export const STRINGS = [
  "",
  "a",
  "yes",
  "no",
  "null",
  "~",
  "true",
  "0",
  "-1",
  "1e3",
  "0x1f",
  "010",
  "1_000",
  ".5",
  "1:30",
  ".inf",
  "<<",
  "- a",
  "a: b",
  "a #b",
  "#c",
  "'",
  '"',
  "\\",
  "{",
  "[",
  "&a",
  "*a",
  "!t",
  "|",
  ">",
  "%",
  "@",
  "`",
  "\n",
  "a\nb",
  "a\n",
  " a",
  "a ",
  "\t",
  "\u0000",
  "\u0007",
  "\u007f",
  "\u0085",
  "\u00a0",
  "\u00e9",
  "\u2028",
  "\ufeff",
  "\ufffd",
  "\u{1f600}",
  "__proto__",
  "constructor",
  "=",
  "2001-01-01",
  "2001-01-01T00:00:00Z",
  "100m",
  "1Gi",
  "YWJj",
  "app.kubernetes.io/name",
  "x".repeat(300),
] as const;

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  23,
  24,
  255,
  256,
  65535,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  -(2 ** 53) + 1,
  0.5,
  -1.5,
  1e21,
  1e-7,
  0.1,
  3.4028235e38,
  1.5e300,
];

/** A JSON value of at most `depth` levels. */
export function randomValue(random: Random, depth: number): unknown {
  switch (random.below(depth > 0 ? 9 : 6)) {
    case 0:
      return random.pick([null, true, false]);
    case 1:
      return random.pick(NUMBERS);
    case 2:
      return random.below(100_000) - 50_000;
    case 3:
    case 4:
    case 5:
      return random.pick(STRINGS);
    case 6:
      return Array.from({ length: random.below(4) }, () => randomValue(random, depth - 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.below(5) }, () => [random.pick(STRINGS), randomValue(random, depth - 1)]),
      );
  }
}

/** A copy of a JSON value with some of its leaves and members replaced, added or left out. */
export function mutateValue(random: Random, value: unknown, share = 0.05): unknown {
  if (random.chance(share)) return randomValue(random, 2);
  if (Array.isArray(value)) {
    const items = value.filter(() => !random.chance(share)).map((item) => mutateValue(random, item, share));
    return random.chance(share) ? [...items, randomValue(random, 2)] : items;
  }
  if (typeof value !== "object" || value === null || isRawNumber(value)) return value;
  const entries = Object.entries(value)
    .filter(() => !random.chance(share))
    .map(([key, item]) => [random.chance(share / 2) ? random.pick(STRINGS) : key, mutateValue(random, item, share)]);
  if (random.chance(share)) entries.push([random.pick(STRINGS), randomValue(random, 2)]);
  return Object.fromEntries(entries);
}
