import { describe, expect, test } from "vitest";
import { itemSpans, splice, valueSpan } from "../../../dialogue/json/spans.ts";

const TEXT = ' {\n"a" : [ 1,"]}" ,{ "b":{"c" : true } }\t], "q\\"\\u0041":"x\\\\", "d":-1.5e3}';
const at = (...path: (string | number)[]): string | undefined => {
  const span = valueSpan(TEXT, path);
  return span && TEXT.slice(span.start, span.end);
};

describe("where a value stands in JSON", () => {
  test.each<[path: (string | number)[], text: string | undefined]>([
    [[], TEXT.trim()],
    [["a"], '[ 1,"]}" ,{ "b":{"c" : true } }\t]'],
    [["a", 0], "1"],
    [["a", 1], '"]}"'],
    [["a", 2, "b"], '{"c" : true }'],
    [["a", 2, "b", "c"], "true"],
    [['q"A'], '"x\\\\"'],
    [["d"], "-1.5e3"],
    [["e"], undefined],
    [["a", 3], undefined],
    [["a", "0"], undefined],
    [[0], undefined],
    [["d", "x"], undefined],
  ])("%j", (path, text) => {
    expect(at(...path)).toBe(text);
  });

  test("each item of an array has its own place, and what is no array has none", () => {
    expect(itemSpans(TEXT, ["a"]).map(({ start, end }) => TEXT.slice(start, end))).toEqual([
      "1",
      '"]}"',
      '{ "b":{"c" : true } }',
    ]);
    expect(itemSpans("[]", [])).toEqual([]);
    expect(itemSpans(TEXT, ["d"])).toEqual([]);
    expect(itemSpans(TEXT, ["e"])).toEqual([]);
  });

  test("values are replaced, and all else stays", () => {
    const parts = [["a", 1] as const, ["d"] as const].map((path) => ({ ...valueSpan(TEXT, path), text: "NEW" }));
    expect(splice(TEXT, parts as never)).toBe(TEXT.replace('"]}"', "NEW").replace("-1.5e3", "NEW"));
    expect(splice(TEXT, [])).toBe(TEXT);
  });
});
