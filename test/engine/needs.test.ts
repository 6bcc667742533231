import { expect, test } from "vitest";
import { globsSelect } from "../../base/globs.ts";
import type { RuleMetadata } from "../../engine/bundle/metadata.ts";
import { ruleCustomSchema } from "../../engine/bundle/metadata.ts";
import { needsIndex } from "../../engine/needs.ts";
import { guardrails, input } from "./support.ts";

const rule = (custom: Record<string, unknown>): RuleMetadata => ({
  title: "",
  description: "",
  ...ruleCustomSchema.parse({
    severity: "low",
    ids: [],
    effect: "deny",
    privileged: false,
    remediation: "x",
    ...custom,
  }),
});

const RULES = {
  "a/secrets": rule({
    needs: ["oldObject"],
    match: [{ groups: [""], resources: ["secrets"], operations: ["UPDATE"] }],
  }),
  "a/subresource": rule({ needs: ["outcome"], match: [{ resources: ["deployments"], subresources: ["scale"] }] }),
  "a/any": rule({ needs: ["namespaceLabels"], match: [{ resources: ["*"], verbs: ["deletecollection"] }] }),
  "a/create": rule({
    match: [
      { resources: ["configmaps"], operations: ["CREATE"], needs: ["object"] },
      { resources: ["configmaps"], operations: ["UPDATE", "DELETE"] },
    ],
  }),
  "a/path": rule({ needs: ["object"], match: [{ nonResourcePaths: ["/debug/*"] }] }),
  "a/templates": rule({ needs: ["object", "outcome"], podTemplates: true }),
  "a/strict": rule({
    effect: "allow",
    profiles: { strict: "hold" },
    needs: ["roleRules"],
    match: [{ resources: ["roles"] }],
  }),
};

const of = (group: string, resource: string, request: Record<string, unknown> = {}): ReturnType<typeof input> =>
  input({ request: { resource: { group, version: "v1", resource }, ...request } });
const WRITE = { verb: "patch", operation: "UPDATE" } as const;

test.for<[string, ReturnType<typeof input>, string[]]>([
  ["a read that no rule names needs nothing", of("", "configmaps"), []],
  ["an update of what a rule names needs its facts", of("", "secrets", WRITE), ["oldObject"]],
  ["a read of it needs none", of("", "secrets"), []],
  [
    "a create needs what a match of creates needs",
    of("", "configmaps", { verb: "create", operation: "CREATE" }),
    ["object"],
  ],
  ["an update needs nothing of another match's", of("", "configmaps", WRITE), []],
  ["a subresource isn't its resource", of("apps", "deployments", { subResource: "scale" }), ["outcome"]],
  ["a resource isn't its subresource", of("apps", "deployments"), []],
  [
    "a wildcard names everything",
    of("", "pods", { verb: "deletecollection", operation: "DELETE" }),
    ["namespaceLabels"],
  ],
  [
    "a path that is no resource is not matched by a resource's wildcard",
    of("", "", { nonResource: true, verb: "deletecollection" }),
    ["object"],
  ],
  [
    "a write of a pod template's kind needs what those rules do",
    of("apps", "deployments", WRITE),
    ["object", "outcome"],
  ],
  [
    "a write of the same kind in its deprecated group as well",
    of("extensions", "replicasets", WRITE),
    ["object", "outcome"],
  ],
  ["a read of it needs nothing", of("apps", "deployments", { verb: "list" }), []],
  [
    "a write of a custom resource may hold a pod template",
    of("argoproj.io", "workflows", WRITE),
    ["object", "outcome"],
  ],
  [
    "a custom resource's group may end as Kubernetes' own do",
    of("sparkoperator.k8s.io", "sparkapplications", WRITE),
    ["object", "outcome"],
  ],
  ["a write of a built-in without one needs nothing", of("networking.k8s.io", "networkpolicies", WRITE), []],
  [
    "a port-forward creates no pod",
    of("", "pods", { verb: "create", operation: "CONNECT", subResource: "portforward" }),
    [],
  ],
  ["a rule that is off asks for nothing", of("", "roles", WRITE), []],
])("%s", ([, one, needs]) => {
  expect([...needsIndex(RULES, guardrails())(one)].sort()).toEqual(needs);
});

test.for<[string, Record<string, unknown>]>([
  ["a profile", { profiles: ["strict"] }],
  ["a scope's profile", { scopes: [{ name: "s", profiles: ["strict"] }] }],
  ["an effect", { rules: { "a/strict": { effect: "record" } } }],
  ["a scope's effect", { scopes: [{ name: "s", rules: { "a/strict": { effect: "deny" } } }] }],
])("a rule that %s switches on asks for its facts", ([, values]) => {
  expect([...needsIndex(RULES, guardrails(values))(of("", "roles", WRITE))]).toEqual(["roleRules"]);
});

test("a rule that is on once it has params asks for its facts then, and not before", () => {
  const rules = { "a/params": rule({ effect: "allow", effectWithParams: "hold", needs: ["object"], match: [{}] }) };
  const needs = (params: Record<string, unknown>): unknown => [
    ...needsIndex(rules, guardrails({ rules: { "a/params": { params } } }))(of("", "pods", WRITE)),
  ];
  expect(needs({})).toEqual([]);
  expect(needs({ registries: [] })).toEqual(["object"]);
});

const scoped = (match: Record<string, unknown>): ReturnType<typeof needsIndex> =>
  needsIndex({}, guardrails({ scopes: [{ name: "s", match }] }));

test.for<[string, Record<string, unknown>, ReturnType<typeof input>, string[]]>([
  ["reads namespace labels", { namespaceLabels: { tier: "prod" } }, of("", "pods"), ["namespaceLabels"]],
  ["is another connection's", { connections: ["dev"], namespaceLabels: { tier: "prod" } }, of("", "pods"), []],
  ["is another group's", { groups: ["corp:ops"], namespaceLabels: { tier: "prod" } }, of("", "pods"), []],
  ["excludes the namespace", { namespaces: ["*", "!a"], namespaceLabels: { tier: "prod" } }, of("", "pods"), []],
  [
    "names the namespace by a glob",
    { namespaces: ["a*"], namespaceLabels: { tier: "prod" } },
    of("", "pods"),
    ["namespaceLabels"],
  ],
  [
    "reads labels of what is created",
    { objectLabels: { a: "b" } },
    of("", "pods", { verb: "create", operation: "CREATE", name: "" }),
    ["object"],
  ],
  ["reads labels of what is changed", { objectLabels: { a: "b" } }, of("", "pods", WRITE), ["object", "oldObject"]],
  ["reads labels of what is read", { objectLabels: { a: "b" } }, of("", "pods"), ["oldObject"]],
])("what a scope needs that %s", ([, match, one, needs]) => {
  expect([...scoped(match)(one)].sort()).toEqual(needs);
});

test.for<[string[] | undefined, string[], boolean]>([
  [undefined, [], true],
  [[], ["a"], true],
  [["pay-*"], ["pay-eu"], true],
  [["pay-*"], ["xpay-eu"], false],
  [["pay-*", "!pay-sandbox"], ["pay-sandbox"], false],
  [["!pay-sandbox"], ["other"], true],
  [["a*b*c"], ["a-b-b-c"], true],
  [["a*b*c"], ["acb"], false],
  [["*"], [""], true],
  [["ab*ba"], ["aba"], false],
  [["a.c"], ["abc"], false],
])("globs %j select %j: %j", ([patterns, values, expected]) => {
  expect(globsSelect(patterns, values)).toBe(expected);
});
