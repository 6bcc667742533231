import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { check } from "../../cli/policy/check.ts";
import { alternative } from "../../cli/policy/checking/alternatives.ts";
import type { Problem } from "../../cli/policy/checking/problem.ts";
import { SDK_BUILTINS, wasmCapabilities } from "../../engine/bundle/capabilities.ts";
import { runOpa } from "../../engine/bundle/opa.ts";
import { policyInputSchema } from "../../engine/input.ts";
import { decisionRule, folder, opa, ruleSource, writeFiles } from "../engine/support.ts";

/** A decision that has no problems of its own. */
const allowing = (): Record<string, string> => ({
  "sallyport/decision.rego": `# METADATA\n# title: A decision\npackage sallyport\n\n# METADATA\n# entrypoint: true\n${decisionRule('"allow"')}\n`,
});

const RULE = "test/a-rule/a-rule.rego";
const IN_EXEC = [
  "severity: low",
  "ids: []",
  "effect: hold",
  "privileged: true",
  "match: [{resources: [pods], subresources: [exec], operations: [CONNECT]}]",
  "remediation: Don't.",
];

/** A rule of one finding, with a condition. */
function finding(condition: string, found = '{"message": "found", "fields": []}', custom?: readonly string[]): string {
  return ruleSource("a-rule", custom).replace(
    /^findings contains[\s\S]*$/m,
    `findings contains ${found} if {\n\t${condition}\n}\n`,
  );
}

async function problems(files: Record<string, string>): Promise<{ problems: Problem[]; text: string }> {
  const answer = await check([await folder({ ...allowing(), ...files })]);
  return { problems: (answer.json as { problems: Problem[] }).problems, text: answer.text };
}

interface Row {
  of: string;
  source: string;
  line: number;
  message: RegExp;
  next?: RegExp;
}

const ROWS: Row[] = [
  {
    of: "a typo in a field of input",
    source: finding('input.reqest.name == "x"'),
    line: 14,
    message: /types: input has no reqest; did you mean "request"\?/,
    next: /engine\/schemas\/input\.json/,
  },
  {
    of: "a typo in a field below it",
    source: finding('input.request.nam == "x"'),
    line: 14,
    message: /types: input\.request has no nam; did you mean "name"\?/,
  },
  {
    of: "a typo in a key that is given to object.get",
    source: finding('object.get(input, ["objct", "kind"], "") == "x"'),
    line: 14,
    message: /lint: sallyport\/known-input-key: object\.get/,
  },
  {
    of: "a builtin that would throw in the gateway",
    source: finding("time.now_ns() > 5"),
    line: 14,
    message: /builtins: the gateway's WASM runtime has no time\.now_ns/,
    next: /input\.now/,
  },
  {
    of: "a verb in a rule of what connects",
    source: finding('input.request.verb == "create"', undefined, IN_EXEC),
    line: 14,
    message: /lint: sallyport\/operation-not-verb: An exec is a get over WebSocket and a create over SPDY/,
  },
  {
    of: "a verb in the match of what connects",
    source: ruleSource("a-rule", [
      ...IN_EXEC.slice(0, 4),
      "match: [{subresources: [exec], verbs: [create]}]",
      "remediation: D.",
    ]),
    line: 11,
    message: /lint: sallyport\/operation-not-verb/,
  },
  {
    of: "a rule that reads exceptions",
    source: finding("count(input.exceptions) == 0"),
    line: 14,
    message: /lint: sallyport\/rules-only-find: A rule finds, and only the decision reads effects/,
  },
  {
    of: "a rule that reads the guardrails",
    source: finding('data.guardrails.profiles == ["strict"]'),
    line: 14,
    message: /lint: sallyport\/rules-only-find/,
  },
  {
    of: "a finding without fields",
    source: finding('input.request.name == "x"', '{"message": "found"}'),
    line: 13,
    message: /lint: sallyport\/complete-finding/,
  },
  {
    of: "a message that quotes what a Secret holds",
    source: finding("some key, value in input.object.data", '{"message": $"{key} is {value}", "fields": []}'),
    line: 13,
    message: /lint: sallyport\/secret-in-message: A message goes to the caller/,
  },
  {
    of: "a negation that an absent field makes undefined",
    source: finding('not startswith(input.object.kind, "x")'),
    line: 14,
    message: /lint: sallyport\/absent-in-negation: not f\(input\.object\.x\) is undefined where x is absent/,
  },
  {
    of: "a fact that nobody gathers",
    source: finding("input.object.spec.hostNetwork == true"),
    line: 13,
    message: /lint: sallyport\/facts-are-needed: Each finding asks for a fact/,
  },
  {
    of: "a match that no request has",
    source: ruleSource("a-rule", [
      ...IN_EXEC.filter((line) => !line.startsWith("match")),
      "match: [{resources: [pods/exec]}]",
    ]),
    line: 10,
    message: /metadata: METADATA custom\.match\[0\]\.resources\[0\]: "pods\/exec" is no resource/,
  },
  {
    of: "a missing key of METADATA",
    source: ruleSource("a-rule", [
      "severity: low",
      "ids: []",
      "privileged: false",
      "match: [{resources: [pods]}]",
      "remediation: D.",
    ]),
    line: 10,
    message: /metadata: METADATA custom\.effect: is missing|must be one of/,
  },
  {
    of: "a misspelt key of METADATA",
    source: ruleSource("a-rule", [...IN_EXEC, "need: [object]"]),
    line: 11,
    message: /metadata: METADATA custom\.need: unknown key; did you mean "needs"\?/,
  },
  {
    of: "a profile that there is none of",
    source: ruleSource("a-rule", [...IN_EXEC, "profiles: {strct: hold}"]),
    line: 12,
    message: /metadata: METADATA custom\.profiles\.strct: unknown key; did you mean "strict"\?/,
  },
  {
    of: "what opa fmt would write otherwise",
    source: ruleSource("a-rule").replace("findings contains", "findings   contains"),
    line: 13,
    message: /format: is not as `opa fmt` writes it/,
    next: /policy check --fix/,
  },
  {
    of: "a rule without METADATA",
    source: "package sallyport.rules.test.a_rule\n",
    line: 1,
    message: /metadata: has no METADATA comment above its package/,
    next: /write-a-guardrail/,
  },
  {
    of: "findings that are no set",
    source: ruleSource("a-rule").replace(/^findings contains.*$/m, "findings := true"),
    line: 13,
    message: /rules: findings is no set/,
    next: /findings contains/,
  },
  {
    of: "an import that nothing uses",
    source: ruleSource("a-rule").replace("\n\nfindings", "\n\nimport data.b\n\nfindings"),
    line: 13,
    message: /compile: import data\.b unused/,
    next: /remove the import/,
  },
  {
    of: "a package that nothing reaches",
    source: ruleSource("a-rule").replace("package sallyport.rules.", "package sallyport.rule."),
    line: 11,
    message: /rules: nothing reaches the package sallyport\.rule\.test\.r\d+/,
    next: /sallyport\.rules\.<category>\.<rule>/,
  },
];

// All in one folder, since each check starts opa five times and Regal once.
const at = (i: number): string => `test/r${i}/r${i}.rego`;
let found: { problems: Problem[]; text: string };
beforeAll(async () => {
  const files = ROWS.map(({ source }, i) => [at(i), source.replaceAll("a_rule", `r${i}`)]);
  const rules = await mkdtemp(join(tmpdir(), "sallyport-check-"));
  try {
    await writeFiles(rules, { ...allowing(), ...Object.fromEntries(files) });
    const answer = await check([rules]);
    found = { problems: (answer.json as { problems: Problem[] }).problems, text: answer.text };
  } finally {
    await rm(rules, { recursive: true, force: true });
  }
});

test.for(ROWS.map((row, i) => ({ ...row, i })))(
  "policy check shows $of, with file, line, the code and what to do",
  ({ source, line, message, next, i }) => {
    const own = found.problems.filter(({ file }) => file.endsWith(at(i)));
    const one = own.find((problem) => message.test(`${problem.check}: ${problem.message}`));
    expect(one, JSON.stringify(own, undefined, 2)).toMatchObject({ line });
    expect(source.replaceAll("a_rule", `r${i}`).split("\n")[line - 1]).toContain(one?.code?.trim() ?? "");
    expect(found.text).toContain(`r${i}.rego:${line}`);
    if (next !== undefined) expect(one?.next).toMatch(next);
  },
);

test("policy check shows where code does not parse", async () => {
  const { text } = await problems({ [RULE]: finding('input.request.name == "x') });
  expect(text).toMatch(
    /a-rule\.rego:14:\d+: compile: non-terminated string\n {4}input\.request\.name == "x\n.*\n {2}next: /,
  );
});

test("every problem is shown at once, in order of files and lines", async () => {
  const found = await problems({
    "test/b/b.rego": ruleSource("b").replace("effect: deny", "efect: deny"),
    [RULE]: finding('time.now_ns() > 5\n\tinput.reqest.name == "x"'),
  });
  expect(found.problems.map(({ file, line, check: by }) => `${file.split("/").at(-1)}:${line} ${by}`)).toEqual([
    "a-rule.rego:14 builtins",
    "a-rule.rego:15 types",
    "b.rego:7 metadata",
    "b.rego:11 metadata",
    "b.rego:13 lint",
  ]);
  expect(found.text).toMatch(/problems in \d of 3 files$/);
});

test("--fix rewrites what is not formatted, and says so", async () => {
  const at = await folder({
    ...allowing(),
    [RULE]: ruleSource("a-rule").replace("findings contains", "findings   contains"),
  });
  const fixed = await check([at], { fix: true });
  expect(fixed.text).toContain(`rewritten: ${join(at, RULE)}`);
  expect((fixed.json as { problems: Problem[] }).problems.filter((one) => one.check === "format")).toEqual([]);
});

test("guardrails that name what the rules do not have are shown with path and nearest name, all at once", async () => {
  const at = await folder({
    ...allowing(),
    [RULE]: ruleSource("a-rule", [...IN_EXEC, "parameters: {names: {description: Names., type: array}}"]),
  });
  const file = join(at, "guardrails.yaml");
  await writeFile(
    file,
    [
      "apiVersion: sallyport.dev/v1alpha1",
      "kind: Guardrails",
      "rules:",
      "  test/a-rul: {effect: deny}",
      "  test/a-rule: {params: {nams: [], names: text}}",
      "scopes: [{name: s, rules: {test/b: {effect: deny}}}]",
    ].join("\n"),
  );
  const { text } = await check([at], { guardrails: file });
  expect(text).toContain(
    "guardrails: rules['test/a-rul']: there is no such rule in this policy; did you mean \"test/a-rule\"?",
  );
  expect(text).toContain("rules['test/a-rule'].params.nams: this rule has no such parameter; did you mean \"names\"?");
  expect(text).toContain("rules['test/a-rule'].params.names: must be of type array and is string: Names.");
  expect(text).toContain("scopes[0].rules['test/b']: there is no such rule in this policy");
});

test("each builtin that the gateway does not run has an alternative of its own", async () => {
  const { stdout } = await runOpa(opa, ["capabilities", "--current"]);
  const runs = new Set((await wasmCapabilities(opa)).builtins.map(({ name }) => name));
  const foreign = (JSON.parse(stdout) as { builtins: { name: string }[] }).builtins
    .map(({ name }) => name)
    .filter((name) => !runs.has(name) && !name.startsWith("internal.") && !name.startsWith("cast_"));
  expect(foreign.length).toBeGreaterThan(80);
  expect(foreign.filter((name) => alternative(name).startsWith("say it with"))).toEqual([]);
  expect(SDK_BUILTINS.every((name) => !foreign.includes(name))).toBe(true);
});

test("the linter's list of what input holds is the schema's", async () => {
  const rule = await readFile(
    new URL("../../.regal/rules/custom/regal/rules/sallyport/known-input-key/known-input-key.rego", import.meta.url),
    "utf8",
  );
  const known = [...(/^known := \{([\s\S]*?)^\}/m.exec(rule)?.[1] ?? "").matchAll(/"(\w+)"/g)].map((match) => match[1]);
  expect(known.sort()).toEqual(Object.keys(policyInputSchema.shape).sort());
});
