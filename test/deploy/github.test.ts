import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { inputText } from "../../proxy/record-input.ts";
import { folder, input, writeFiles } from "../engine/support.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

const GUARDRAILS = `apiVersion: sallyport.dev/v1alpha1
kind: Guardrails
profiles: [baseline]
defaults: {approval: {approvers: ["group:corp:oncall"]}}
`;

const CASES = `cases:
  - name: a Deployment without a team is held
    given: {user: {username: dev, groups: [devs]}, guardrails: {profiles: [baseline]}}
    request:
      method: POST
      path: /apis/apps/v1/namespaces/a/deployments
      body: {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {}}
    expect: {effect: hold, findings: [{rule: company/team-label, fields: [metadata.labels]}]}
`;

/** A request for an object of the cluster's own, allowed when it was recorded. */
function recorded(): string {
  const asked = input({
    request: {
      verb: "delete",
      operation: "DELETE",
      path: "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/admins",
      resource: { group: "rbac.authorization.k8s.io", version: "v1", resource: "clusterrolebindings" },
      namespace: "",
      name: "admins",
    },
  });
  const { request } = asked;
  const payload = { decisionId: "d-1", findings: [], input: JSON.parse(inputText(asked)) };
  const row = {
    ...{ at: "2026-11-22 10:00:00.000000", kind: "request.outcome", username: "corp:agent", connection: "prod" },
    ...{ verb: request.verb, api_group: request.resource.group, resource: request.resource.resource, subresource: "" },
    ...{ namespace: "", name: "admins", path: request.path, payload: JSON.stringify(payload), facts: "" },
  };
  return `${JSON.stringify(row)}\n`;
}

/** A repository of guardrails with the rule of docs/guardrails.md. */
async function repository(change: (rule: string) => string = (rule) => rule): Promise<string> {
  const blocks = [...read("docs/guardrails.md").matchAll(/^```rego\n([\s\S]*?)^```/gm)].map((block) => block[1] ?? "");
  return folder({
    "ours/company/team-label/team-label.rego": change(blocks[0] ?? ""),
    "ours/company/team-label/team-label_test.rego": blocks[1] ?? "",
    "policy-tests/company/team-label.yaml": CASES,
    "guardrails.yaml": GUARDRAILS,
    "recorded.ndjson": recorded(),
  });
}

async function run(policy: string): Promise<{ code: number; comment: string; stderr: string }> {
  const out = join(policy, "comment.md");
  const args = [join(root, "deploy/github/run.mjs"), "--policy", policy, "--out", out, "--summary", `${out}.summary`];
  const done = await promisify(execFile)(process.execPath, args).then(
    ({ stderr }) => ({ code: 0, stderr }),
    (error: { code: number; stderr: string }) => error,
  );
  const comment = readFileSync(out, "utf8");
  expect(readFileSync(`${out}.summary`, "utf8")).toBe(comment);
  return { code: done.code, comment, stderr: done.stderr };
}

test("a repository of guardrails is checked, tested and backtested by one script, and the comment says what would change", {
  timeout: 180_000,
}, async () => {
  const policy = await repository();
  const { code, comment, stderr } = await run(policy);
  expect(code, comment + stderr).toBe(0);
  expect(comment).toMatch(/check: in order[\s\S]*test: in order[\s\S]*### Backtest/);
  expect(comment).toMatch(/1 decisions judged again, 1 of them otherwise/);
  expect(comment).toContain("allow → deny");
  expect(comment).not.toContain(policy);
});

/** Each runs the whole script once more. */
const WRONG: [string, string][] = process.env.SALLYPORT_TEST_ALL === "1" ? [["input.object,", "input.objekt,"]] : [];
test.for(WRONG)(
  "a rule that says %s fails the script, and the comment shows where",
  { timeout: 180_000 },
  async ([right, wrong]) => {
    const policy = await repository((rule) => rule.replace(right, wrong));
    await writeFiles(policy, { "recorded.ndjson": "" });
    const { code, comment } = await run(policy);
    expect(code).toBe(1);
    expect(comment).toMatch(/check: <b>failed<\/b>[\s\S]*team-label\.rego:21[\s\S]*objekt/);
  },
);

interface Job {
  permissions: Record<string, string>;
  steps: { uses?: string; run?: string; env?: Record<string, string>; with?: Record<string, unknown> }[];
}
const workflow = parse(read("deploy/github/policy.yml")) as {
  permissions: object;
  jobs: Record<string, Job>;
  on: object;
};

test("the workflow has no right by default, and the job that runs a pull request's code can only read", () => {
  expect(workflow.permissions).toEqual({});
  expect(workflow.on).toEqual({ pull_request: null });
  expect(workflow.jobs.judge?.permissions).toEqual({ contents: "read" });
  expect(workflow.jobs.comment?.permissions).toEqual({ "pull-requests": "write" });
  const writes = workflow.jobs.comment?.steps.map(({ uses, run: line }) => uses?.split("@")[0] ?? line?.split(" ")[0]);
  expect(writes).toEqual(["actions/download-artifact", "gh"]);
});

test("every action of the workflow is pinned to a commit, and no checkout leaves its token behind", () => {
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  const uses = steps.flatMap((step) => (step.uses === undefined ? [] : [step.uses]));
  expect(uses.filter((one) => !/^actions\/[a-z-]+@[0-9a-f]{40}$/.test(one))).toEqual([]);
  const checkouts = steps.filter((step) => step.uses?.startsWith("actions/checkout@"));
  expect(checkouts.map((step) => step.with?.["persist-credentials"])).toEqual([false, false]);
  // What a pull request can write (its title, its branch) must never become a command.
  const lines = steps.flatMap((step) => (step.run === undefined ? [] : [step.run]));
  expect(lines.filter((line) => line.includes("${{"))).toEqual([]);
});
