import type { RuleMetadata } from "../../../engine/bundle/metadata.ts";
import type { CaseResult } from "../cases/run-cases.ts";
import { percentOf, type RuleCoverage } from "./coverage.ts";
import type { Parity } from "./parity.ts";
import type { UnitTest } from "./unit.ts";

/** What `policy test` found, as `--output json` prints it. */
export interface TestReport {
  ok: boolean;
  tests: { passed: number; failed: number; skipped: number; results: UnitTest[] };
  /** The same tests in the WASM. */
  wasm: Parity;
  cases: { passed: number; failed: number; failures: CaseResult[] };
  /** By rule, and by folder of shared Rego (those have no cases). */
  rules: RuleRow[];
  /** Percent of all lines; absent where only some tests were run. */
  coverage?: number;
  threshold: number;
}

export interface RuleRow {
  rule: string;
  /** Shared Rego, and no rule. */
  shared: boolean;
  tests: number;
  cases: number;
  /** Absent where not all of its tests were run. */
  coverage?: RuleCoverage;
}

/** Puts together what the parts of `policy test` found. */
export function report(found: {
  tests: UnitTest[];
  wasm: Parity;
  cases: CaseResult[];
  coverage: RuleCoverage[];
  rules: Record<string, RuleMetadata>;
  folderOf(test: UnitTest): string;
  whole: boolean;
  threshold: number;
}): TestReport {
  const { tests, wasm, cases, coverage, rules, threshold } = found;
  const count = (outcome: UnitTest["outcome"]): number => tests.filter((one) => one.outcome === outcome).length;
  const failures = cases.filter((one) => one.mismatches.length > 0);
  const percent = percentOf(coverage);
  const ok = count("failed") === 0 && wasm.differences.length === 0 && failures.length === 0 && percent >= threshold;
  const names = found.whole
    ? new Set([...Object.keys(rules), ...coverage.map(({ rule }) => rule)])
    : new Set([
        ...coverage.map(({ rule }) => rule),
        ...tests.map(found.folderOf),
        ...cases.map((one) => one.case.rule),
      ]);
  return {
    ok,
    tests: { passed: count("passed"), failed: count("failed"), skipped: count("skipped"), results: tests },
    wasm,
    cases: { passed: cases.length - failures.length, failed: failures.length, failures },
    rules: [...names].sort().map((rule) => ({
      rule,
      shared: !Object.hasOwn(rules, rule),
      tests: tests.filter((one) => found.folderOf(one) === rule).length,
      cases: cases.filter((one) => one.case.rule === rule).length,
      coverage: coverage.find((one) => one.rule === rule),
    })),
    ...(coverage.length === 0 ? {} : { coverage: percent }),
    threshold,
  };
}
