import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { parseYaml } from "../../kubernetes/body/yaml.ts";
import { cpuTime } from "../clocks.ts";

const codeOf = (text: string): unknown => {
  try {
    return parseYaml(text);
  } catch (error) {
    return error instanceof Refusal ? error.code : error;
  }
};

// Each was read by one of `yaml` and go-yaml, or by both in two ways (test/fuzz/targets/yaml.ts found them).
const REFUSED: [title: string, text: string][] = [
  ["a control character", "a: '\u0007'\n"],
  ["a raw DEL", "a: '\u007f'\n"],
  ["a line separator, which ends a line in YAML 1.1", "a: \u2028\n"],
  ["a next-line character", "a: x\u0085y\n"],
  ["a carriage return by itself", "a: \r*a1\n"],
  ["a byte order mark that is not in front", "a: \ufeff\n"],
  ["the same in JSON under the YAML media type", '{"a":"\u2028"}'],
  ["a key that is a float", "1e3: b\n"],
  ["a key that is minus zero, as a float", "-0.0: b\n"],
  ["a key that only a uint64 holds", "18446744073709551615: b\n"],
  ["an anchor with a colon in its name", "data:\n  &a: v\n"],
  ["an anchor with a quote in its name", 'a: &a"\n'],
  ["a quote that the next line leaves open", "data:\n  k: 'v''\nb:\n  'c': d\n"],
  ["a directive", "%YAML 1.2\n---\na: b\n"],
  ["a flow key with no space after its colon", '{a":[1],b: c}\n'],
  ["a word that begins with a colon", "{:a}\n"],
  ["a word that begins with a question mark", "a: [?a]\n"],
  ["a tab after a dash", "a:\n  - \tb\n"],
  ["a tab that indents a line", "a:\n  -\n   \t b\n"],
  ["a key and its colon on two lines", '{"a"\n:"b"}\n'],
  ["a word that begins like a document", "{---\na: b}\n"],
  ["a question mark in a flow", "{N? a}\n"],
  ["a merge of an alias to a list", "a: &a []\n<<: *a\n"],
  ["a binary number with its sign inside", "a: 0b-1\n"],
  ["a tab in front", "\t{}\n"],
  ["a last line of a tab", "a: b\n\t"],
  ["a last line of a tab after JSON", '{"a":1}\n\t'],
  ["a flow key with nothing behind its colon", "a: [a:]\n"],
  ["an anchor right behind a key", '{"a"&b"}\n'],
  ["a key right behind a key", '"a":\n  {"&: {"&a":"0"}\n'],
  ["a text that keeps its last lines and ends in blanks", "a: |+\n "],
  ["the same after a line, indented more", "a: |+\n  b\n   "],
  ["the same after a line, indented as much", "a: |+\n  b\n  "],
];
describe("YAML that readers take in two ways is refused:", () => {
  test.each(REFUSED)("%s", (_title, text) => {
    expect(codeOf(text)).toBe("malformed-body");
  });
});

test("a megabyte of quotes, line ends or blanks is refused or read in linear time", () => {
  for (const hostile of [
    `"${" \n".repeat(500_000)}`,
    `${'"\n'.repeat(500_000)}:`,
    `{"a":1}${"\n".repeat(1_000_000)}`,
  ]) {
    const took = cpuTime();
    codeOf(hostile);
    expect(took()).toBeLessThan(5_000);
  }
});

const READ: [title: string, text: string, value: unknown][] = [
  ["a byte order mark in front is skipped", "\ufeffa: b\n", { a: "b" }],
  ["a block without a last line's end has none", "a: |\n  b", { a: "b" }],
  ["a block may hold tabs", "a: |\n  b:\n  \tc\n", { a: "b:\n\tc\n" }],
  ["a question mark in a word", "a: b? c\n", { a: "b? c" }],
  ["a block with one has one", "a: |\n  b\n", { a: "b\n" }],
  ["a single quote that ends in a backslash is closed", "a: 'b\\'\n", { a: "b\\" }],
  ["hexadecimal and negative keys are those numbers", "0x10: a\n-1: b\n", { "16": "a", "-1": "b" }],
  ["a key beyond 2^53 is kept exactly", "9007199254740993: b\n", { "9007199254740993": "b" }],
  ["escapes of what may not stand raw", 'a: "\\u2028\\a"\n', { a: "\u2028\u0007" }],
];
describe("YAML is read as go-yaml reads it:", () => {
  test.each(READ)("%s", (_title, text, value) => {
    expect(parseYaml(text)).toEqual(value);
  });
});
