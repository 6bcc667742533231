import type { Random } from "./random.ts";

/** Plain scalars that YAML 1.1, YAML 1.2 and Go's reader take in different ways. */
export const SCALARS = [
  ..."yes no on off y n Y N Yes NO true True TRUE false null Null ~ 0 00 010 0o10 0x1F 0X1f 0b101 -0b1 1_000 0x_1 08 09 +1 -1 - + .".split(
    " ",
  ),
  ...".5 1. 1.5 1e3 1E+3 1e400 -1e400 .inf -.Inf .nan 1:30 1:30:45 190:20:30.15 1,000 0.1.2 1__0 _1 1_ 0x 0b 0o 0o8 0xg e3 1e 1e+ .e3".split(
    " ",
  ),
  ..."9007199254740993 18446744073709551615 18446744073709551616 -9223372036854775808 -9223372036854775809 1e-400 0.1e1 -0 -0.0 +.5".split(
    " ",
  ),
  ..."2001-01-01 2001-12-14t21:59:43.10-05:00 <<  = ! a:b a#b a-b - :a ?a -a !a".split(" "),
  ...[
    "a b",
    "a: b",
    "a #b",
    "- a",
    "? a",
    "%a",
    "@a",
    "`a",
    "é",
    "\u2028",
    "\u0085",
    "\ufeff",
    "\t",
    "a\tb",
    "''",
    '""',
    "[]",
    "{}",
    "|",
    ">",
    "&a",
    "*a",
  ],
];

const plain = /^[A-Za-z0-9._/-]+$/;

function scalar(random: Random, value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  if (random.chance(0.05)) return random.pick(SCALARS);
  const text = JSON.stringify(value);
  switch (random.below(4)) {
    case 0:
      return `'${value.replaceAll("'", "''")}'`;
    case 1:
      return plain.test(value) ? value : text;
    case 2:
      return random.chance(0.2) ? `!!str ${text}` : text;
    default:
      return text;
  }
}

function block(random: Random, value: unknown, indent: string): string {
  if (random.chance(0.01)) return ` &a${random.below(3)}${block(random, value, indent)}`;
  if (random.chance(0.01)) return ` *a${random.below(3)}\n`;
  if (Array.isArray(value) && value.length > 0 && random.chance(0.9)) {
    return `\n${value.map((item) => `${indent}-${block(random, item, `${indent}  `)}`).join("")}`;
  }
  if (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length > 0 &&
    random.chance(0.95)
  ) {
    const lines = Object.entries(value).map(
      ([key, item]) => `${indent}${scalar(random, key)}:${block(random, item, `${indent}  `)}`,
    );
    if (random.chance(0.01)) lines.push(`${indent}<<: *a${random.below(3)}\n`);
    if (random.chance(0.005)) lines.push(lines[0] as string);
    return `\n${lines.join("")}`;
  }
  if (typeof value === "string" && value.includes("\n") && /^\S/.test(value) && random.chance(0.5)) {
    const style = `${random.pick(["|", ">", "|-", "|+", ">-"])}`;
    return ` ${style}\n${value
      .split("\n")
      .map((line) => `${indent}${line}`)
      .join("\n")}\n`;
  }
  const text = typeof value === "object" && value !== null ? JSON.stringify(value) : scalar(random, value);
  return ` ${text}${random.chance(0.03) ? " # note" : ""}\n`;
}

/** A JSON value in one of the many ways in which YAML can write it, some of which no reader need take. */
export function writeYaml(random: Random, value: unknown): string {
  const text = block(random, value, "").replace(/^\s*\n/, "");
  if (random.chance(0.02)) return `---\n${text}`;
  if (random.chance(0.005)) return `%YAML ${random.pick(["1.1", "1.2"])}\n---\n${text}`;
  return random.chance(0.01) ? `${text}---\n` : text;
}
