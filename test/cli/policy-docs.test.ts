import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { docs } from "../../cli/policy/docs.ts";
import { allowing, folder, REGO, ruleSource } from "../engine/support.ts";

const PAGE = new URL("../../docs/rules.md", import.meta.url).pathname;

test("docs/rules.md is what the rules' METADATA and cases say", async () => {
  expect(await docs([REGO], { out: PAGE, check: true })).toMatchObject({ exitCode: 0 });
});

test("a page has each rule by category, its effects by profile, ids with meaning, parameters and an example", async () => {
  const at = await folder({
    ...allowing(),
    "rego/sallyport/decision.rego": allowing()["sallyport/decision.rego"] ?? "",
    "rego/test/a-rule/a-rule.rego": ruleSource("a-rule", [
      "severity: low",
      "ids: [CIS-5.1.2, X-1]",
      "effect: allow",
      "effectWithParams: hold",
      "profiles: {strict: deny, approve-secrets: hold}",
      "privileged: true",
      "needs: [oldObject]",
      "match: [{groups: [apps], resources: [deployments], operations: [CREATE]}]",
      "parameters: {names: {description: Names., type: array}}",
      "remediation: Don't.",
    ]),
    "policy-tests/test/a-rule.yaml":
      "cases:\n  - {name: it is so, request: {method: GET, path: /api/v1/pods}, expect: {effect: allow}}\n",
  });
  const { text } = await docs([join(at, "rego")], {});
  for (const line of [
    "| [`test/a-rule`](#testa-rule) | A rule | off | deny |",
    "**A rule.** Finds nothing.",
    "- Effect: off in `baseline`, `read-only`, `observe`; deny in `strict`; hold in `approve-secrets`",
    "- With params in guardrails.yaml: hold in `baseline`",
    "- Severity: low; a privileged operation, whatever the effect",
    "- Looks at: CREATE of `deployments` of `apps`",
    "- Needs: `oldObject`",
    "- Known as: CIS-5.1.2 (few may read Secrets), X-1 (a catalogue of your own)",
    "- Parameter `names` (array): Names.",
    "- What to do instead: Don't.",
    "Example: it is so",
    "request: { method: GET, path: /api/v1/pods }",
  ]) {
    expect(text.split("\n")).toContain(line);
  }
});

test("--check says of a page that it is not what the rules say, and leaves it alone", async () => {
  const at = await folder({ ...allowing(), "test/a-rule/a-rule.rego": ruleSource("a-rule") });
  const out = join(at, "rules.md");
  await docs([at], { out });
  expect(await docs([at], { out, check: true })).toMatchObject({ exitCode: 0 });
  await writeFile(out, "# Old\n");
  expect(await docs([at], { out, check: true })).toMatchObject({ exitCode: 1, json: { current: false } });
  expect(await readFile(out, "utf8")).toBe("# Old\n");
});
