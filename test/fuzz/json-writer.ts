import type { Random } from "./random.ts";

const hex = (code: number): string => code.toString(16).padStart(4, "0");
const SHORT: Record<string, string> = {
  "\n": "\\n",
  "\t": "\\t",
  '"': '\\"',
  "\\": "\\\\",
  "/": "\\/",
  "\b": "\\b",
  "\f": "\\f",
  "\r": "\\r",
};

function character(random: Random, c: string): string {
  const code = c.charCodeAt(0);
  const must = code < 0x20 || c === '"' || c === "\\";
  if (SHORT[c] !== undefined && (must ? random.chance(0.7) : random.chance(0.05))) return SHORT[c];
  return must || random.chance(0.05) ? `\\u${random.chance(0.5) ? hex(code) : hex(code).toUpperCase()}` : c;
}

function string(random: Random, value: string): string {
  // By code unit, so that pairs are escaped in halves as well.
  return `"${
    random.chance(0.7)
      ? JSON.stringify(value).slice(1, -1)
      : value
          .split("")
          .map((c) => character(random, c))
          .join("")
  }"`;
}

const NUMBERS = [
  ..."0 -0 0.0 1e0 1E+2 1e-2 -1.50 9007199254740993 -9223372036854775808 9223372036854775807 18446744073709551616".split(
    " ",
  ),
  ..."9223372036854775808 1e400 -1e-400 123456789012345678901234567890 1.0 100000000000000000000000.5 4.35 1e22 1e23".split(
    " ",
  ),
];
const space = (random: Random): string => (random.chance(0.05) ? random.pick([" ", "\n", "\t", "\r\n"]) : "");

/** A JSON value in one of the ways in which JSON can spell it. */
export function writeJson(random: Random, value: unknown): string {
  const pad = (text: string): string => space(random) + text + space(random);
  if (typeof value === "number" && random.chance(0.1)) return pad(random.pick(NUMBERS));
  if (typeof value === "string") return pad(string(random, value));
  if (Array.isArray(value)) return pad(`[${value.map((item) => writeJson(random, item)).join(",")}]`);
  if (typeof value !== "object" || value === null || "rawJSON" in value) return pad(JSON.stringify(value));
  const members = Object.entries(value).map(
    ([key, item]) => `${string(random, key)}${space(random)}:${writeJson(random, item)}`,
  );
  if (members.length > 0 && random.chance(0.005)) members.push(members[0] as string);
  return pad(`{${members.join(",")}}`);
}
