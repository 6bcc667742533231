import { describe, expect, test } from "vitest";
import { failures, fuzzTargets, runTarget } from "./run-target.ts";

const CASES = process.env.SALLYPORT_TEST_ALL === "1" ? 100_000 : 1_000;

describe("npm run fuzz, a short run of every target", async () => {
  for (const target of await fuzzTargets()) {
    test(`${target.name}: no difference, no crash, at least half decodes, and a planted bug is found: ${target.plant}`, {
      timeout: 300_000,
    }, async () => {
      const result = await runTarget(target, { cases: CASES, seed: 1, planted: true });
      expect({ ...result, failures: failures(result, { planted: true }) }).toMatchObject({
        cases: CASES,
        differences: [],
        crashes: [],
        failures: [],
      });
    });
  }
});
