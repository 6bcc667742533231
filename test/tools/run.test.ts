import { expect, it } from "vitest";
import { skipMistakes } from "../run/outcome.ts";
import { read } from "../run/vitest.ts";

const REASON = "needs a machine with two addresses";

it("a skipped test that test/skipped.json doesn't name fails the run", () => {
  expect(skipMistakes([], ["a"], ["a"])).toEqual(["skipped, and not in test/skipped.json: a"]);
});

it("a skipped test that is named with a reason doesn't fail the run", () => {
  expect(skipMistakes([{ test: "a", reason: REASON }], ["a"], ["a"])).toEqual([]);
});

it("an entry without a reason fails the run", () => {
  expect(skipMistakes([{ test: "a", reason: " " }], ["a"], ["a"])).toEqual(["no reason in test/skipped.json: a"]);
});

it("an entry for a test that no longer exists fails the run", () => {
  expect(skipMistakes([{ test: "a", reason: REASON }], [], ["b"])).toEqual([
    "in test/skipped.json, and no such test: a",
  ]);
});

function file(status: string, ...tests: [title: string, status: string][]) {
  return {
    name: `${process.cwd()}/test/x/y.test.ts`,
    status,
    assertionResults: tests.map(([title, outcome]) => ({ ancestorTitles: [], title, status: outcome })),
  };
}

it("tests are counted by their status, and the skipped ones named", () => {
  const report = { testResults: [file("failed", ["a", "passed"], ["b", "failed"], ["c", "skipped"], ["d", "todo"])] };
  expect(read(report, 1)).toMatchObject({
    passed: 1,
    failed: 1,
    skipped: ["test/x/y.test.ts > c", "test/x/y.test.ts > d"],
  });
});

it.each([
  ["a file that doesn't load", { testResults: [file("failed")] }, 1],
  ["a file whose beforeAll fails", { testResults: [file("failed", ["a", "skipped"])] }, 1],
  ["an error outside of any test", { testResults: [file("passed", ["a", "passed"])] }, 1],
  ["a run that found no test", { testResults: [] }, 0],
])("%s counts as one failure", (_, report, code) => {
  expect(read(report, code).failed).toBe(1);
});
