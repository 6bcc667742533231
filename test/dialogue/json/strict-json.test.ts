import { describe, expect, test } from "vitest";
import { JsonError, type JsonLimits, parseStrict, parseStrictObject } from "../../../dialogue/json/strict-json.ts";

describe("JSON that every reader reads the same", () => {
  test.each<[text: string, value: unknown]>([
    ['{"a":[1,{"b":null}],"c":"x"}', { a: [1, { b: null }], c: "x" }],
    ['{"a":{"k":1},"b":{"k":2},"A":3}', { a: { k: 1 }, b: { k: 2 }, A: 3 }],
    [' [ "a\\"b", "\\\\", "{", "😀", "\\ud83d\\ude00" ] ', ['a"b', "\\", "{", "😀", "😀"]],
    ['{"":0,"proto":{"x":1}}', { "": 0, proto: { x: 1 } }],
    ["-0.5e-3", -0.0005],
  ])("%s is read", (text, value) => {
    expect(parseStrict(text)).toEqual(value);
  });

  test("integers beyond 2^53 are kept", () => {
    expect(JSON.stringify(parseStrict('{"n":9007199254740993}'))).toBe('{"n":9007199254740993}');
  });

  test.each<[what: string, text: string, message: RegExp, limits?: JsonLimits]>([
    ["nothing", "", /not valid JSON/],
    ["a comma too many", '{"a":1,}', /not valid JSON/],
    ["two values", "{}{}", /not valid JSON/],
    ["a string without end", '{"a":"', /not valid JSON/],
    ["an escape that is none", '{"a":"\\x"}', /not valid JSON/],
    ["a key's escape that is none", '{"\\x":1}', /not valid JSON/],
    ["a control character", '{"a":"\n"}', /not valid JSON/],
    ["a number beyond any double", '{"a":1e999}', /not valid JSON/],
    ["a key twice", '{"a":1,"a":1}', /stands twice/],
    ["a key twice, once in escapes", '{"a":1,"\\u0061":1}', /stands twice/],
    ["a key twice within", '[{"x":{"b":1,"c":"}","b":2}}]', /stands twice/],
    ["half a surrogate pair as a character", '{"a":"\ud83d"}', /half of a surrogate/],
    ["half a surrogate pair as an escape", '{"a":"\\ude00"}', /half of a surrogate/],
    ["half a surrogate pair in a key", '{"\\ude00":1}', /half of a surrogate/],
    ["a key that some readers take for what an object inherits", '{"a":{"__pro\\u0074o__":{"b":1}}}', /readers differ/],
    ["nesting", "[[[[]]]]", /deeper than 3/, { depth: 3 }],
    ["many values", "[1,2,3,4]", /more than 3 values/, { values: 3 }],
    ["keys that differ in case, where they are folded", '{"Type":1,"type":2}', /stands twice/, { foldDepth: 1 }],
    ["a key with the sign for kelvin for a k", '{"\u212aey":1,"key":2}', /stands twice/, { foldDepth: 1 }],
    ["a key that counts in capitals", '{"a":{"NAME":1}}', /readers differ/, { foldDepth: 2, names: new Set(["name"]) }],
  ])("is not: %s", (_, text, message, limits) => {
    expect(() => parseStrict(text, limits)).toThrow(JsonError);
    expect(() => parseStrict(text, limits)).toThrow(message);
  });

  test("keys differ by case below the depth down to which they are folded", () => {
    const limits = { foldDepth: 1, names: new Set(["name"]) };
    expect(parseStrict('{"a":{"B":1,"b":2,"NAME":3}}', limits)).toEqual({ a: { B: 1, b: 2, NAME: 3 } });
  });

  test("halves of surrogate pairs are read where another piece brings the rest", () => {
    expect(parseStrict('{"a":"\\ud83d","b":"\ude00"}', { halves: true })).toEqual({ a: "\ud83d", b: "\ude00" });
  });

  test("a message quotes nothing of the text", () => {
    for (const text of ['{"secret":1,"secret":2}', '{"a":secret}', '{"a":"secret\\ud83d"}']) {
      expect(() => parseStrict(text)).not.toThrow(/secret/);
    }
  });

  test("an object is one", () => {
    expect(parseStrictObject("{}")).toEqual({});
    for (const text of ["[]", "null", '"a"', "1"])
      expect(() => parseStrictObject(text)).toThrow("it is no JSON object");
  });
});
