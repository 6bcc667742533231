import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { HistoryGuard, type HistoryQuestions, type Reset } from "../../approvals/history.ts";
import { UserError } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { FakeClock } from "./suite/fixtures.ts";

const commit = (letter: string): string => letter.repeat(40);
const [A, B, C, X] = [commit("a"), commit("b"), commit("c"), commit("f")];

/** A history where each commit's ancestors are those before it in its line. */
function history(lines: string[][], resets: Reset[] = []): HistoryQuestions {
  return {
    isAncestor: async (from, to) => lines.some((line) => line.includes(from) && line.indexOf(from) <= line.indexOf(to)),
    resets: async () => resets,
  };
}
const main = history([
  [A, B, C],
  [A, X],
]);

function guarded(): { clock: FakeClock; file: string; open: () => HistoryGuard } {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-history-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clock = new FakeClock();
  const file = join(folder, "approvals", "state");
  return { clock, file, open: () => new HistoryGuard({ file, repository: "o/r", clock, log: silentLog }) };
}

test("the first main that is seen is good, and so is every descendant of it", async () => {
  const guard = guarded().open();
  expect(await guard.look(A, main)).toBe(true);
  expect(await guard.look(C, main)).toBe(true);
  expect(guard.lastGood).toBe(C);
});

test.each([
  ["goes back", A],
  ["goes another way", X],
  ["is gone", undefined],
  ["has nothing in common with it", commit("e")],
])("a main that %s freezes, and the last good one stays", async (_, tip) => {
  const { open, clock } = guarded();
  const guard = open();
  await guard.look(B, main);
  expect(await guard.look(tip, main)).toBe(false);
  expect(guard.lastGood).toBe(B);
  expect(guard.frozen).toMatchObject({ from: B, to: tip ?? "", at: clock.time });
  expect(() => guard.checkWhole()).toThrow(expect.objectContaining({ code: "approvals-unavailable" }));
});

test("a restart does not follow a rewritten main", async () => {
  const { open } = guarded();
  await open().look(B, main);
  const again = open();
  expect(await again.look(A, main)).toBe(false);
  expect(again.lastGood).toBe(B);
});

test("a main that is put right again counts again", async () => {
  const guard = guarded().open();
  await guard.look(B, main);
  await guard.look(A, main);
  expect(await guard.look(C, main)).toBe(true);
  expect(guard.frozen).toBeUndefined();
  expect(() => guard.checkWhole()).not.toThrow();
});

test("after a reset the main of the reset is the last good one, also after a restart", async () => {
  const { open } = guarded();
  const guard = open();
  await guard.look(B, main);
  await guard.look(X, main);
  guard.reset(X);
  expect(guard.frozen).toBeUndefined();
  expect(await open().look(X, main)).toBe(true);
});

test("a reset on record counts for a replica that was at the same main, or behind it", async () => {
  const lines = [
    [A, B, C],
    [A, X],
  ];
  for (const at of [C, B]) {
    const guard = guarded().open();
    await guard.look(at, main);
    expect(await guard.look(X, history(lines, [{ from: C, to: X }]))).toBe(true);
    expect(guard.lastGood).toBe(X);
  }
});

test("a reset on record takes no later main back to its own", async () => {
  const later = commit("9");
  const lines = [
    [A, B, C],
    [A, X, later],
  ];
  const guard = guarded().open();
  await guard.look(later, history(lines));
  expect(await guard.look(X, history(lines, [{ from: C, to: X }]))).toBe(false);
});

test("a ref that must be there and is gone freezes, until it may be gone", async () => {
  const { open, clock } = guarded();
  const used = "refs/sallyport/used/aaaaaaaaaaaaaaaa-1/1";
  const guard = open();
  await guard.look(A, main);
  guard.keep(used, clock.time + 1000);
  expect(await guard.look(A, main, { refs: new Set([used]), kept: guard.kept("") })).toBe(true);
  const again = open();
  expect(again.kept("refs/sallyport/used/")).toEqual([used]);
  expect(await again.look(A, main, { refs: new Set(), kept: again.kept("") })).toBe(false);
  expect(again.frozen?.why).toBe(`${used} is gone`);
  clock.time += 1000;
  expect(await again.look(A, main, { refs: new Set(), kept: again.kept("") })).toBe(true);
});

test("a ref that was made while the refs were looked at is not gone", async () => {
  const { open, clock } = guarded();
  const guard = open();
  await guard.look(A, main);
  const present = { refs: new Set<string>(), kept: guard.kept("") };
  guard.keep("refs/sallyport/used/aaaaaaaaaaaaaaaa-1/1", clock.time + 1000);
  expect(await guard.look(A, main, present)).toBe(true);
});

test("where nobody can tell, it is neither good nor frozen", async () => {
  const guard = guarded().open();
  await guard.look(A, main);
  const silent = { ...main, isAncestor: () => Promise.reject(new Error("unreachable")) };
  await expect(guard.look(B, silent)).rejects.toThrow("unreachable");
  expect(guard.frozen).toBeUndefined();
  expect(guard.lastGood).toBe(A);
});

test.each([
  ["is cut off", '{"version":1,'],
  ["is empty", ""],
  ["is another repository's", JSON.stringify({ version: 1, repository: "o/other", main: A, refs: {} })],
  ["names no commit", JSON.stringify({ version: 1, repository: "o/r", main: "HEAD", refs: {} })],
])("a state file that %s stops the start", async (_, text) => {
  const { open, file } = guarded();
  await open().look(A, main);
  writeFileSync(file, text);
  expect(open).toThrow(UserError);
});
