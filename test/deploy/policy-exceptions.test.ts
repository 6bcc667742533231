import { execFile, execFileSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { guardrailsSchema } from "../../base/config/guardrails.ts";
import { readYaml } from "../../base/config/read.ts";
import { inThirtyDays, standingFile } from "../approvals/standing-files.ts";
import { rowOf } from "../cli/recorded-row.ts";
import { folder, writeFiles } from "../engine/support.ts";

const root = resolve(import.meta.dirname, "../..");
const template = join(root, "deploy/policy-exceptions");
const read = (file: string): string => readFileSync(join(template, file), "utf8");
const json = (file: string) => JSON.parse(read(file));

const POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "web" },
  spec: { containers: [], volumes: [{ name: "n", hostPath: { path: "/" } }] },
};
const exception = (name: string, spec: object = {}): string =>
  standingFile(name, { notAfter: inThirtyDays(), match: { resources: ["/pods"] }, ...spec });

interface Ran {
  code: number;
  comment: string;
}

/** The template as a customer's repository with one exception on main, and a branch that changes it as said. */
async function pullRequest(files: Record<string, string>): Promise<Ran> {
  const repository = await folder();
  cpSync(template, repository, { recursive: true });
  const git = (...args: string[]): string =>
    execFileSync("git", ["-C", repository, "-c", "user.name=x", "-c", "user.email=x@x", ...args], { encoding: "utf8" });
  git("init", "--quiet", "--initial-branch=main");
  await writeFiles(repository, { "exceptions/before.yaml": exception("before"), "exceptions/broken.yaml": "spec: {" });
  git("add", "-A");
  git("commit", "--quiet", "-m", "start");
  const row = await rowOf({ method: "POST", path: "/api/v1/namespaces/shop/pods", body: POD, groups: ["corp:devs"] });
  await writeFiles(repository, { ...files, "recorded.ndjson": `${JSON.stringify(row)}\n` });
  git("add", "-A");
  git("commit", "--quiet", "-m", "change");
  const out = join(await folder(), "comment.md");
  const args = [join(template, "run.mjs"), "--repository", repository, "--base", "HEAD^1", "--out", out];
  const code = await promisify(execFile)(process.execPath, args).then(
    () => 0,
    (error: { code: number }) => error.code,
  );
  return { code, comment: readFileSync(out, "utf8") };
}

test("a new exception is checked, and the comment says what it would have let through and what of the others is not used", {
  timeout: 120_000,
}, async () => {
  const { code, comment } = await pullRequest({ "exceptions/logs.yaml": exception("logs") });
  expect(code, comment).toBe(0);
  expect(comment).toMatch(/check: in order[\s\S]*1 file in order/);
  expect(comment).toMatch(/logs<\/code>: would have let through 1; of 1 requests/);
  expect(comment).toMatch(/never used[\s\S]*before[\s\S]*not valid, and left out: broken/);
});

test("a pull request that loosens the guardrails with its exception is judged by those of the base", {
  timeout: 120_000,
}, async () => {
  const { code, comment } = await pullRequest({
    "exceptions/logs.yaml": exception("logs", { notAfter: "2099-01-01T00:00:00Z", owner: "user:corp:eve" }),
    "guardrails.yaml": read("guardrails.yaml").replace("maxLifeDays: 90", "maxLifeDays: 3650"),
    "people.yaml": read("people.yaml").replaceAll("corp:alice@example.com", "corp:eve"),
  });
  expect(code).toBe(1);
  expect(comment).toMatch(/check: <b>failed<\/b>[\s\S]*spec\.notAfter[\s\S]*spec\.owner/);
  expect(comment).not.toContain("would have let through");
});

test("the template's guardrails are valid, and its example has people", () => {
  expect(readYaml(join(template, "guardrails.yaml"), guardrailsSchema).exceptions.wildcards).not.toContain(
    "namespaces",
  );
  expect(parse(read("people.yaml")).people).toHaveLength(1);
});

test("main takes reviewed pull requests of code owners alone, stale reviews do not count, and nobody bypasses it", () => {
  const { target, enforcement, bypass_actors, conditions, rules } = json("protection/main.json");
  expect({ target, enforcement, bypass_actors }).toEqual({
    target: "branch",
    enforcement: "active",
    bypass_actors: [],
  });
  expect(conditions.ref_name).toEqual({ include: ["~DEFAULT_BRANCH"], exclude: [] });
  const types = rules.map(({ type }: { type: string }) => type);
  expect(types).toEqual(["deletion", "non_fast_forward", "pull_request"]);
  expect(rules[2].parameters).toMatchObject({
    required_approving_review_count: 1,
    require_code_owner_review: true,
    dismiss_stale_reviews_on_push: true,
  });
});

test("the gateway's branches are its App's alone", () => {
  const { bypass_actors, conditions, rules } = json("protection/proposals.json");
  expect(bypass_actors).toEqual([{ actor_id: 0, actor_type: "Integration", bypass_mode: "always" }]);
  expect(conditions.ref_name.include).toEqual(["refs/heads/sallyport/**"]);
  expect(rules.map(({ type }: { type: string }) => type)).toEqual(
    expect.arrayContaining(["creation", "update", "deletion"]),
  );
});

test("the rulesets have the shapes that GitHub publishes", () => {
  const api = JSON.parse(
    readFileSync(join(root, "node_modules/@octokit/openapi/generated/api.github.com.json"), "utf8"),
  );
  const schemaOf = (path: string, method: string) => {
    const { schema } = api.paths[path][method].requestBody.content["application/json"];
    return schema;
  };
  const deref = (schema: { $ref?: string }): Record<string, unknown> =>
    schema.$ref === undefined
      ? schema
      : deref(
          schema.$ref
            .slice(2)
            .split("/")
            .reduce((at, key) => at[key], api),
        );
  const keys = (schema: { $ref?: string }): string[] => Object.keys((deref(schema).properties as object) ?? {});
  const body = schemaOf("/repos/{owner}/{repo}/rulesets", "post");
  const ofType = new Map(
    ((deref(body.properties.rules.items).oneOf ?? deref(body.properties.rules.items).anyOf) as { $ref?: string }[]).map(
      (rule) => {
        const properties = deref(rule).properties as { type: { enum: string[] }; parameters?: object };
        return [properties.type.enum[0], properties.parameters === undefined ? [] : keys(properties.parameters)];
      },
    ),
  );
  for (const file of ["protection/main.json", "protection/proposals.json"]) {
    const ruleset = json(file);
    expect(keys(body)).toEqual(expect.arrayContaining(Object.keys(ruleset)));
    for (const { type, parameters = {} } of ruleset.rules) {
      expect(ofType.has(type), type).toBe(true);
      expect(ofType.get(type)).toEqual(expect.arrayContaining(Object.keys(parameters)));
    }
  }
  expect(keys(schemaOf("/repos/{owner}/{repo}", "patch"))).toEqual(
    expect.arrayContaining(Object.keys(json("protection/settings.json"))),
  );
});

interface Job {
  permissions: Record<string, string>;
  steps: { uses?: string; run?: string; with?: Record<string, unknown> }[];
}
const workflow = parse(read(".github/workflows/exceptions.yml")) as {
  permissions: object;
  jobs: Record<string, Job>;
  on: object;
};

test("the workflow has no right by default, and the job that reads a pull request can do nothing else", () => {
  expect(workflow.permissions).toEqual({});
  expect(workflow.on).toEqual({ pull_request: { paths: ["exceptions/**"] } });
  expect(workflow.jobs.judge?.permissions).toEqual({ contents: "read" });
  expect(workflow.jobs.comment?.permissions).toEqual({ "pull-requests": "write" });
  const writes = workflow.jobs.comment?.steps.map(({ uses, run }) => uses?.split("@")[0] ?? run?.split(" ")[0]);
  expect(writes).toEqual(["actions/download-artifact", "gh"]);
});

test("every action is the one that the guardrails' workflow has, and no checkout leaves its token behind", () => {
  const pinned = readFileSync(join(root, "deploy/github/policy.yml"), "utf8");
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  const uses = steps.flatMap((step) => (step.uses === undefined ? [] : [step.uses]));
  expect(uses.filter((one) => !pinned.includes(one))).toEqual([]);
  const checkouts = steps.filter((step) => step.uses?.startsWith("actions/checkout@"));
  expect(checkouts.map((step) => step.with?.["persist-credentials"])).toEqual([false, false]);
  const lines = steps.flatMap((step) => (step.run === undefined ? [] : [step.run]));
  expect(lines.filter((line) => line.includes("${{"))).toEqual([]);
});
