import { expect, it } from "vitest";
import { recordMistakes } from "../../bench/recorded.ts";
import { type Row, renderTable, verdict } from "../../bench/table.ts";

const row = (value: number, aim?: Row["aim"]): Row => ({
  what: "it",
  value,
  unit: "ms",
  ...(aim === undefined ? {} : { aim }),
});

it.each([
  ["a figure at an aim of at most is met", row(2.3, { at: "most", value: 2.3 }), "met"],
  ["a figure above an aim of at most is missed", row(2.31, { at: "most", value: 2.3 }), "missed"],
  ["a figure at an aim of at least is met", row(0.6, { at: "least", value: 0.6 }), "met"],
  ["a figure below an aim of at least is missed", row(0.59, { at: "least", value: 0.6 }), "missed"],
  ["a figure that was not measured misses its aim", row(Number.NaN, { at: "most", value: 1 }), "missed"],
  ["a figure without an aim is neither", row(5), ""],
])("%s", (_title, given, expected) => {
  expect(verdict(given)).toBe(expected);
});

it("the table says met or missed beside each aim", () => {
  const text = renderTable([row(0.5, { at: "most", value: 1 }), row(2, { at: "most", value: 1 }), row(7)]);
  expect(text.split("\n").map((line) => /met|missed/.exec(line)?.[0])).toEqual([undefined, "met", "missed", undefined]);
});

const recorded = { connection: "prod", outcomes: 10, exchanges: 10, intents: 4, judgedAgain: 1, refused: 0 };

it("a record with one outcome a request and one intent an attempt to write is whole", () => {
  expect(recordMistakes([{ connection: "prod", requests: 10, writes: 3 }], [recorded])).toEqual([]);
});

it.each([
  ["a request without an outcome", { outcomes: 9, exchanges: 9 }],
  ["two outcomes of one exchange", { exchanges: 9 }],
  ["an intent too few", { intents: 3 }],
  ["a request that was refused", { refused: 1 }],
])("%s is a mistake of the record", (_title, change) => {
  const mistakes = recordMistakes([{ connection: "prod", requests: 10, writes: 3 }], [{ ...recorded, ...change }]);
  expect(mistakes).not.toEqual([]);
});

it("a connection of which nothing is on record is a mistake of the record", () => {
  expect(recordMistakes([{ connection: "prod", requests: 1, writes: 0 }], [])).toHaveLength(2);
});
