import { describe, expect, test } from "vitest";
import { libraryBundle } from "../engine/support.ts";
import type { Row } from "./cell.ts";
import { type Case, casesOf, judge } from "./judge.ts";
import { pairsOf } from "./paths.ts";
import { policies } from "./policies.ts";
import { ROWS } from "./rows.ts";

const policyOf = policies(await libraryBundle());
/** Rows with more pairs than this have a cell for each kind with a pod template: too many for each run. */
const LARGE = 800;

/** All of them take a minute: `npm run test:matrix`. Else each cell goes by one path, another from cell to cell. */
function sampled(row: Row): Case[] {
  const all = [...casesOf([row])];
  if (process.env.SALLYPORT_TEST_ALL === "1" || all.length <= LARGE) return all;
  const byCell = [...Map.groupBy(all, ({ cell }) => cell).values()];
  return byCell.flatMap((cases, i) => cases[i % cases.length] ?? []);
}

describe("policy-coverage.md", () => {
  test.each(ROWS)(
    "$name: what the row stops is found by every path, and its twin passes",
    { timeout: 120_000 },
    async (row) => {
      const wrong: string[] = [];
      for (const one of sampled(row)) {
        const verdict = await judge(one, await policyOf(row));
        if (verdict.wrong !== undefined) wrong.push(`${one.cell.what}, ${one.path}: ${verdict.wrong}`);
      }
      expect(wrong).toEqual([]);
    },
  );

  test("each row has cells, and each cell paths", () => {
    for (const row of ROWS) {
      expect(row.cells, row.name).not.toEqual([]);
      for (const cell of row.cells) expect(pairsOf(cell), cell.what).not.toEqual([]);
    }
  });

  test("a rule that is off is missed by its row", async () => {
    const [row] = ROWS.filter(({ name }) => name === "Exec, attach, cp");
    if (row === undefined) throw new Error("the row is gone");
    const off = await policyOf({ ...row, guardrails: { rules: { "access/exec": { effect: "allow" } } } });
    const verdicts = await Promise.all([...casesOf([row])].map((one) => judge(one, off)));
    expect(verdicts.every(({ wrong }) => wrong !== undefined)).toBe(true);
  });
});
