import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bodyOf, type LocatedCase } from "../../cli/policy/cases/case-file.ts";
import { listCases } from "../../cli/policy/cases/list-cases.ts";
import { requestOf } from "../../cli/policy/cases/run-cases.ts";
import type { Decision, Policy } from "../../engine/decision.ts";
import { createPolicy } from "../../engine/policy.ts";
import { EvaluationWorker } from "../../engine/wasm/evaluation-worker.ts";
import { type Explanation, explain } from "../../proxy/explain/explain.ts";
import { guardrails, libraryBundle } from "./support.ts";

/** Of each rule's cases so many, where not all are asked for: a decision takes a millisecond on a busy machine. */
const EACH = process.env.SALLYPORT_TEST_ALL === "1" ? Number.POSITIVE_INFINITY : 5;
const firstOfEach = ({ rule }: LocatedCase, i: number, all: LocatedCase[]): boolean =>
  all.slice(0, i).filter((one) => one.rule === rule).length < EACH;

/** The library's cases, whatever guardrails they are about: here these are one profile alone. */
const CASES = (await listCases([fileURLToPath(new URL("../../policy-tests", import.meta.url))]))
  .filter(({ given }) => given.exceptions === undefined)
  .filter(firstOfEach)
  .map((one) => [`${one.rule}: ${one.name}`, one] as const);
const RANK: Record<string, number> = { allow: 0, record: 1, mask: 2, hold: 3, deny: 4 };

const worker = new EvaluationWorker();
afterAll(() => worker.close());
const policies = new Map<string, Policy>();

async function policyOf(...profiles: string[]): Promise<Policy> {
  const key = profiles.join();
  const made = policies.get(key);
  if (made !== undefined) return made;
  const policy = await createPolicy({ bundle: await libraryBundle(), guardrails: guardrails({ profiles }), worker });
  policies.set(key, policy);
  return policy;
}

const known = new Map<string, Promise<Explanation>>();

function under(one: LocatedCase, ...profiles: string[]): Promise<Explanation> {
  const key = `${one.file}:${one.line} ${profiles.join()}`;
  const answer = known.get(key) ?? answered(one, profiles);
  known.set(key, answer);
  return answer;
}

/** `oldObject` is what a DELETE takes away, and what a PATCH changes. */
async function answered(one: LocatedCase, profiles: string[]): Promise<Explanation> {
  const request = requestOf(one);
  const gone = one.request.method === "DELETE" || one.request.method === "PATCH";
  return explain(
    {
      ...request,
      body: await bodyOf(one),
      roleRules: request.roleRules ?? [],
      namespaceLabels: request.namespaceLabels ?? {},
      ...(request.oldObject === undefined && gone ? { oldObject: null } : {}),
    },
    await policyOf(...profiles),
  );
}

/** What the gateway refuses before policy, or for want of a fact, whatever the profile. */
const refused = ({ findings }: Decision): boolean => findings.some(({ rule }) => rule.startsWith("request/"));
const rulesOf = ({ findings }: Decision): string[] => [...new Set(findings.map(({ rule }) => rule))].sort();
const strongest = (decision: Decision): number =>
  Math.max(RANK[decision.effect] ?? 4, ...decision.findings.map(({ effect }) => RANK[effect] ?? 4));

beforeAll(async () => {
  for (const profiles of [["baseline"], ["observe"], ["strict"], ["read-only"], ["baseline", "approve-secrets"]]) {
    await policyOf(...profiles);
  }
});

test("observe stops nothing and masks nothing, and records what baseline finds", async () => {
  for (const [name, one] of CASES) {
    const { decision: baseline } = await under(one, "baseline");
    const { decision: observe } = await under(one, "observe");
    if (refused(observe)) {
      expect(refused(baseline) || baseline.effect === "deny", name).toBe(true);
      continue;
    }
    expect([observe.effect, observe.mask], name).toEqual(["allow", []]);
    const found = rulesOf(baseline).filter((rule) => !rule.startsWith("request/"));
    expect(rulesOf(observe), name).toEqual(expect.arrayContaining(found));
    expect(new Set(observe.findings.map(({ effect }) => effect)), name).toEqual(
      new Set(observe.findings.length > 0 ? ["record"] : []),
    );
  }
});

test("strict weakens nothing that baseline finds", async () => {
  for (const [name, one] of CASES) {
    const { decision: baseline } = await under(one, "baseline");
    const { decision: strict } = await under(one, "strict");
    expect(RANK[strict.effect], name).toBeGreaterThanOrEqual(RANK[baseline.effect] ?? 4);
    if (strict.effect !== "deny") expect(rulesOf(strict), name).toEqual(expect.arrayContaining(rulesOf(baseline)));
  }
});

const REVIEWS = /access-review|subjectaccessreviews|selfsubject/;

test("read-only denies every write and every connection, and lets the reads go that baseline lets go", async () => {
  for (const [name, one] of CASES) {
    const { decision: baseline } = await under(one, "baseline");
    const { decision, input } = await under(one, "read-only");
    if (input === undefined || refused(decision)) continue;
    const { operation, nonResource, verb, path } = input.request;
    const writes = nonResource ? verb !== "get" && verb !== "head" : operation !== "";
    if (writes && !REVIEWS.test(path)) {
      expect([decision.effect, rulesOf(decision)], name).toEqual([
        "deny",
        expect.arrayContaining(["access/read-only"]),
      ]);
    } else {
      expect([decision.effect, rulesOf(decision), decision.mask], name).toEqual([
        baseline.effect,
        rulesOf(baseline),
        baseline.mask,
      ]);
    }
  }
});

const APPROVED = [
  "secrets/list",
  "secrets/read",
  "rbac/role",
  "rbac/escalating-verbs",
  "rbac/wildcard",
  "rbac/aggregation",
  "csr/signer",
];

test("approve-secrets holds what it names, and leaves everything else to the profile beside it", async () => {
  for (const [name, one] of CASES) {
    const { decision: baseline } = await under(one, "baseline");
    const { decision } = await under(one, "baseline", "approve-secrets");
    if (refused(decision)) continue;
    const { findings } = baseline;
    if (findings.every(({ rule }) => !APPROVED.includes(rule))) {
      expect([decision.effect, rulesOf(decision)], name).toEqual([baseline.effect, rulesOf(baseline)]);
      continue;
    }
    for (const { rule, effect } of decision.findings) if (APPROVED.includes(rule)) expect(effect, name).toBe("hold");
    expect(decision.mask, name).toEqual(baseline.mask);
  }
});

test("only the rules that are named here have an effect of their own in approve-secrets", async () => {
  const { rules } = await libraryBundle();
  const own = Object.entries(rules).filter(([, { profiles }]) => profiles?.["approve-secrets"] !== undefined);
  expect(own.map(([id]) => id).sort()).toEqual([...APPROVED].sort());
});

const SECRET = "/api/v1/namespaces/shop/secrets";
const ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles";
const role = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name: "r" }, rules: [] };

test.each([
  [["approve-secrets"]],
  [["baseline", "approve-secrets"]],
  [["strict", "approve-secrets"]],
  [["observe", "approve-secrets"]],
])("%s holds reads of Secrets and the creation of roles, and masks what is read", async (profiles) => {
  const policy = await policyOf(...profiles);
  for (const path of [`${SECRET}/db`, SECRET, `${SECRET}?watch=true`]) {
    const { decision } = await explain({ method: "GET", path }, policy);
    expect([decision.effect, decision.mask.length > 0], path).toEqual(["hold", true]);
  }
  const body = Buffer.from(JSON.stringify(role));
  const created = await explain({ method: "POST", path: ROLES, contentType: "application/json", body }, policy);
  expect(created.decision.effect).toBe("hold");
});

test("beside read-only it asks nobody for a role: that is a write", async () => {
  const body = Buffer.from(JSON.stringify(role));
  const policy = await policyOf("read-only", "approve-secrets");
  const { decision } = await explain({ method: "POST", path: ROLES, contentType: "application/json", body }, policy);
  expect(decision.effect).toBe("deny");
});

test("a profile that is stronger stands beside a weaker one", async () => {
  for (const [name, one] of CASES) {
    const { decision: readOnly } = await under(one, "read-only");
    const { decision } = await under(one, "observe", "read-only");
    expect(strongest(decision), name).toBe(strongest(readOnly));
  }
});
