import { check } from "../../cli/policy/check.ts";
import { test } from "../../cli/policy/test.ts";
import type { TestReport } from "../../cli/policy/testing/report.ts";
import { type Outcome, single } from "./outcome.ts";

const RULES = ["rego"];

/** The library as `sallyport policy check` sees it: format, types, builtins, METADATA, Regal. */
export async function policyCheck(): Promise<Outcome> {
  const { text, exitCode } = await check(RULES);
  return single(exitCode === 0, `${text}\n`);
}

/**
 * The library as `sallyport policy test` sees it: its tests in opa and again in the WASM, the cases of policy-tests/,
 * and every line of every rule reached by a test.
 */
export async function policyTest(): Promise<Outcome> {
  const { json, text } = await test(RULES, { threshold: 100 });
  const { ok, tests, wasm, cases, coverage = 0 } = json as TestReport;
  const id = (one: { id: string }): string => `data.${one.id}`;
  const failed = tests.failed + wasm.differences.length + cases.failed + (coverage < 100 ? 1 : 0);
  return {
    passed: tests.passed + wasm.same + cases.passed + (coverage < 100 ? 0 : 1),
    failed: ok ? 0 : Math.max(1, failed),
    skipped: tests.results.filter((one) => one.outcome === "skipped").map(id),
    known: tests.results.map(id),
    output: ok ? "" : `${text}\n`,
  };
}
