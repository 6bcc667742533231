import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { ensureTool } from "../../../tools/ensure.ts";
import { runMutants } from "./run.ts";

const path = (relative: string): string => fileURLToPath(new URL(`../../../${relative}`, import.meta.url));
const whole = process.env.SALLYPORT_TEST_ALL === "1";
/** Those that stand for the others in `npm test`: an exec, a write, a template, a list. */
const SHORT = /^(access\/exec|destruction\/namespace|network\/exposure|secrets\/(list|consume))$/;

describe("a rule that is broken", () => {
  test("is noticed by a policy case, a cell of the matrix, or a Rego test where no request could", {
    timeout: 600_000,
  }, async () => {
    const { verdicts, red } = await runMutants({
      rules: path("rego"),
      cases: [path("policy-tests")],
      opa: await ensureTool("opa"),
      wanted: (rule) => whole || SHORT.test(rule),
    });
    const alive = verdicts.filter(({ by, byRego }) => by === undefined && !byRego);
    expect(red).toEqual([]);
    expect(alive.map(({ mutant }) => `${mutant.rule}: ${mutant.change}`)).toEqual([]);
    expect(verdicts.length).toBeGreaterThan(whole ? 1000 : 20);
  });

  // That the check can fail at all: as long as the one above, and so for test:all.
  test.each(whole ? ["access/read-only"] : [])(
    "survives where nobody asks about it: %s",
    { timeout: 120_000 },
    async (id) => {
      const { verdicts } = await runMutants({
        rules: path("rego"),
        cases: [],
        opa: await ensureTool("opa"),
        wanted: (rule) => rule === id,
      });
      expect(verdicts).not.toEqual([]);
      // Neither a case nor a cell is about it here, so that only a Rego test may notice.
      expect(verdicts.filter(({ by }) => by !== undefined)).toEqual([]);
      expect(verdicts.some(({ by, byRego }) => by === undefined && !byRego)).toBe(true);
    },
  );
});
