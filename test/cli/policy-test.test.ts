import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { test as policyTest } from "../../cli/policy/test.ts";
import type { TestReport } from "../../cli/policy/testing/report.ts";
import { watchTests } from "../../cli/policy/testing/watch.ts";
import { folder, ruleSource } from "../engine/support.ts";

function library(rules: Record<string, string>, more: Record<string, string> = {}): Promise<string> {
  const files = Object.entries(rules).map(([name, tests]) => [
    [`rego/test/${name}/${name}.rego`, ruleSource(name)],
    [
      `rego/test/${name}/${name}_test.rego`,
      `package sallyport.rules.test.${name.replaceAll("-", "_")}_test\n\nimport data.sallyport.rules.test.${name.replaceAll("-", "_")} as rule\n\n${tests}\n`,
    ],
  ]);
  const decision =
    'package sallyport\n\neffect := "deny" if {\n\tsome _, found in data.sallyport.index.findings\n\tcount(found) > 0\n} else := "allow"\n\n' +
    'findings := [f | some id, found in data.sallyport.index.findings; some one in found; f := object.union(one, {"rule": id, "effect": "deny", "severity": "low", "ids": [], "fields": object.get(one, "fields", []), "privileged": false, "absolute": false})]\n\n' +
    'decision := {"effect": effect, "findings": findings, "approval": null, "mask": [], "record": "Metadata"}\n';
  return folder({ "rego/sallyport/decision.rego": decision, ...Object.fromEntries(files.flat()), ...more });
}

const PASSES = 'test_it_is_found if count(rule.findings) == 1 with input as {"request": {"name": "never"}}';
const CASE = (name: string, effect: string, findings = ""): string =>
  `cases:\n  - name: a config map is ${effect}\n    request: {method: GET, path: /api/v1/namespaces/a/configmaps/${name}}\n    expect: {effect: ${effect}${findings}}\n`;

async function run(
  at: string,
  options: Parameters<typeof policyTest>[1] = {},
): Promise<{ report: TestReport; text: string; exitCode: number }> {
  const answer = await policyTest([join(at, "rego")], options);
  return { report: answer.json as TestReport, text: answer.text, exitCode: answer.exitCode ?? 0 };
}

test("tests pass in opa and in the WASM, cases through the gateway's own steps, and the table has all", async () => {
  const at = await library(
    { "a-rule": PASSES },
    {
      "policy-tests/test/a-rule.yaml": CASE("never", "deny", ", findings: [{rule: test/a-rule, fields: []}]"),
    },
  );
  const { report, text, exitCode } = await run(at);
  expect(text).toMatch(/^test\/a-rule +1 +1 +100 %$/m);
  expect(text).toMatch(/^ok: 1 rule; 1 test passed; 1 alike in the WASM; 1 case passed; coverage \d/m);
  expect(report).toMatchObject({ ok: true, wasm: { same: 1, differences: [], notRun: [] } });
  expect(exitCode).toBe(0);
});

test("a test that fails shows the expression that failed and the values in it", async () => {
  const at = await library({ "a-rule": PASSES.replace("== 1", "== 2") });
  const { text, exitCode } = await run(at);
  expect(exitCode).toBe(1);
  expect(text).toMatch(/^FAILED {2}.*a-rule_test\.rego:5: test_it_is_found$/m);
  expect(text).toMatch(/count\(rule\.findings\) == 2 with input as[\s\S]*\n +1$/m);
});

test("what the WASM answers otherwise is a failure that names test, native and WASM answer", async () => {
  // opa's own sprintf writes a large number out; the SDK's does not (design §3).
  const at = await library({
    "a-rule": `${PASSES}\n\ntest_numbers if sprintf("%d", [123456789012345678901]) == "123456789012345678901"`,
  });
  const { report, text, exitCode } = await run(at);
  expect(exitCode).toBe(1);
  expect(report.wasm.differences).toMatchObject([
    { test: "sallyport.rules.test.a_rule_test.test_numbers", native: "passed", wasm: "failed" },
  ]);
  expect(text).toMatch(/^DIFFERS .*a-rule_test\.rego:7: .*test_numbers\n +opa +WASM\n +answer +passed +failed$/m);
});

test("a test that calls what only opa has is said not to have run in the WASM, and why", async () => {
  const at = await library({ "a-rule": `${PASSES}\n\ntest_time if time.parse_rfc3339_ns("2026-11-22T10:00:00Z") > 0` });
  const { report, text, exitCode } = await run(at);
  expect(exitCode).toBe(0);
  expect(report.wasm.notRun).toMatchObject([
    { test: expect.stringMatching(/test_time$/), reason: "it calls time.parse_rfc3339_ns, which only opa itself has" },
  ]);
  expect(text).toContain("did not run in the WASM: it calls time.parse_rfc3339_ns");
});

test("tests of several cases, and with in place of a builtin, run in the WASM too", async () => {
  const several =
    'test_names[name] if {\n\tsome name in ["never", "other"]\n\tcount(rule.findings) == 1 with input as {"request": {"name": name}}\n}\n\ntest_mock if time.now_ns() == 5 with time.now_ns as 5';
  const { report, text } = await run(await library({ "a-rule": several }));
  expect(report.wasm).toMatchObject({ same: 2, differences: [], notRun: [] });
  expect(text).toContain("cases that fail: other");
});

test("print() is shown with the test that printed it", async () => {
  const at = await library({ "a-rule": PASSES.replace("if count", 'if {\n\tprint("seen", 1)\n\tcount').concat("\n}") });
  expect((await run(at)).text).toMatch(/^printed .*a-rule_test\.rego:5: test_it_is_found\n +seen 1$/m);
});

test("a case that fails shows expected and got side by side, and the input that policy was shown", async () => {
  const at = await library(
    { "a-rule": PASSES },
    {
      "policy-tests/test/a-rule.yaml": CASE("other", "deny", ", findings: [{rule: test/a-rule, fields: [spec.x]}]"),
    },
  );
  const { text, exitCode } = await run(at);
  expect(exitCode).toBe(1);
  expect(text).toMatch(/^FAILED {2}.*policy-tests\/test\/a-rule\.yaml:2: a config map is deny$/m);
  expect(text).toMatch(/^ +expected +got\n +effect +deny +allow\n +finding +test\/a-rule +–\n +fields spec\.x$/m);
  expect(text).toMatch(
    /the input that policy was shown:\n[\s\S]*"path": "\/api\/v1\/namespaces\/a\/configmaps\/other"/,
  );
});

test("a finding that the case does not list fails it, where the file is about that rule", async () => {
  const at = await library(
    { "a-rule": PASSES, other: PASSES.replace("test_it", "test_other") },
    {
      "policy-tests/test/a-rule.yaml": CASE("never", "deny", ", findings: []"),
    },
  );
  const { text } = await run(at, { run: "test/a-rule" });
  expect(text).toMatch(/^ +finding +– +test\/a-rule$/m);
  expect(text).not.toMatch(/^ +finding +– +test\/other$/m);
});

test.for<[string, string, RegExp]>([
  [
    "an unknown field",
    "cases:\n  - {name: n, requst: {}, expect: {effect: deny}}\n",
    /cases\[0\]\.requst: unknown key; did you mean "request"\?/,
  ],
  [
    "an unknown field below it",
    CASE("x", "deny").replace("method", "metod"),
    /cases\[0\]\.request\.metod: unknown key; did you mean "method"\?/,
  ],
  ["an unknown effect", CASE("x", "denied"), /cases\[0\]\.expect\.effect: must be one of allow, hold, deny/],
  [
    "guardrails with a mistake",
    CASE("x", "deny").replace("    request", "    given: {guardrails: {profils: []}}\n    request"),
    /profils: unknown key; did you mean "profiles"\?/,
  ],
  [
    "guardrails of a rule that there is none of",
    CASE("x", "deny").replace(
      "    request",
      "    given: {guardrails: {rules: {test/a-rul: {effect: deny}}}}\n    request",
    ),
    /rules\['test\/a-rul'\]: there is no such rule in this policy; did you mean "test\/a-rule"\?/,
  ],
  [
    "a body that is not there",
    CASE("x", "deny").replace("method", "bodyFile: b.yaml, method"),
    /bodyFile: b\.yaml cannot be read/,
  ],
  [
    "a name that two cases have",
    CASE("x", "deny") + CASE("y", "deny").slice(7),
    /cases\[1\]\.name: is the name of cases\[0\] as well/,
  ],
])("a case file with %s is refused, with the path", async ([, content, message]) => {
  const at = await library({ "a-rule": PASSES }, { "policy-tests/test/a-rule.yaml": content });
  await expect(run(at)).rejects.toThrow(message);
});

test("a file about a rule that there is none of is refused, with the nearest", async () => {
  const at = await library({ "a-rule": PASSES }, { "policy-tests/test/a-rul.yaml": CASE("x", "allow") });
  await expect(run(at)).rejects.toThrow(/there is no rule test\/a-rul; did you mean "test\/a-rule"\?/);
});

test("coverage names rule and lines, and fails below the threshold", async () => {
  const at = await library({ "a-rule": "test_nothing if true" });
  const { text, report, exitCode } = await run(at, { threshold: 100 });
  expect(exitCode).toBe(1);
  expect(text).toMatch(/a-rule\.rego:13 is reached by no test$/m);
  expect(text).toMatch(/^test\/a-rule +1 +0 +0\.00 %$/m);
  expect(text).toMatch(/below 100 %$/);
  expect(report.rules.find(({ rule }) => rule === "test/a-rule")?.coverage?.missing).toMatchObject([
    { from: 13, to: 13 },
  ]);
});

test("--run takes a rule, or words of a test's or a case's name, and says where there is none", async () => {
  const at = await library(
    { "a-rule": PASSES, other: PASSES.replace("test_it", "test_other") },
    {
      "policy-tests/test/a-rule.yaml": CASE("never", "deny"),
      "policy-tests/test/other.yaml": CASE("x", "allow"),
    },
  );
  const count = async (name: string): Promise<number[]> => {
    const { report } = await run(at, { run: name });
    return [report.tests.passed, report.cases.passed];
  };
  expect(await count("test/a-rule")).toEqual([1, 1]);
  expect(await count("test_other")).toEqual([1, 1]);
  expect(await count("is allow")).toEqual([0, 1]);
  await expect(run(at, { run: "nothing" })).rejects.toMatchObject({ exitCode: 2 });
});

test("a team's own folder stands on the library, whose tests are not run", async () => {
  const at = await folder({
    "ours/test/a-rule/a-rule.rego": ruleSource("a-rule"),
    "ours/test/a-rule/a-rule_test.rego": `package sallyport.rules.test.a_rule_test\n\nimport data.sallyport.rules.test.a_rule as rule\n\n${PASSES}\n`,
    "policy-tests/test/a-rule.yaml": CASE("never", "deny", ", findings: [{rule: test/a-rule, message: found}]"),
  });
  const { json, text } = await policyTest([join(at, "ours")], { threshold: 100 });
  expect(json).toMatchObject({ ok: true, tests: { passed: 1 }, cases: { passed: 1 }, coverage: 100 });
  expect(text).toContain("ok: 1 rule; 1 test passed");
});

test("--watch runs what a change touches again, and what stands on it, and goes on after a mistake", async () => {
  const at = await library(
    { "a-rule": PASSES, other: PASSES.replace("test_it", "test_other") },
    {
      "policy-tests/test/a-rule.yaml": CASE("never", "deny", ", findings: [{rule: test/a-rule}]"),
      "policy-tests/test/other.yaml": CASE("x", "allow"),
    },
  );
  const reports: TestReport[] = [];
  let seen: () => void = () => undefined;
  const stop = new AbortController();
  const texts: string[] = [];
  const watching = watchTests([join(at, "rego")], {
    output: "json",
    signal: stop.signal,
    write: (text) => {
      texts.push(text);
      if (text.startsWith('{"ok"')) reports.push(JSON.parse(text) as TestReport);
      seen();
    },
  });
  /** A run may come of a file that is half written: what counts is what comes of the whole. */
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await new Promise<void>((resolve) => (seen = resolve));
  };
  await until(() => reports.length === 1);
  expect(reports[0]).toMatchObject({ tests: { passed: 2 }, cases: { passed: 2 } });

  const rule = join(at, "rego/test/a-rule/a-rule.rego");
  await writeFile(rule, ruleSource("a-rule").replace('"never"', '"other"'));
  await until(() => reports.length === 2);
  expect(reports[1]).toMatchObject({ ok: false, tests: { failed: 1, passed: 0 }, cases: { failed: 1, passed: 0 } });

  await writeFile(rule, "package sallyport.rules.test.a_rule\n\nfindings contains {");
  await until(() => /doesn't compile/.test(texts.at(-1) ?? ""));

  await writeFile(rule, ruleSource("a-rule"));
  await until(() => reports.length === 3);
  expect(reports[2]).toMatchObject({ ok: true, tests: { passed: 1 }, cases: { passed: 1 } });
  stop.abort();
  await watching;
});
