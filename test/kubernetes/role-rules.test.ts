import { expect, test } from "vitest";
import { grantsOf } from "../../kubernetes/role-rules.ts";
import type { KubernetesObject } from "../../kubernetes/types.ts";

const RULE = { apiGroups: [""], resources: ["secrets"], verbs: ["*"] };
const of = (resource: string, object: KubernetesObject): ReturnType<typeof grantsOf> =>
  grantsOf(object, { resource, namespace: "a" });
const bound = (kind: unknown, name: unknown = "admin"): string[] =>
  of("rolebindings", { roleRef: { kind, name } }).elsewhere;
const ROLES = "/apis/rbac.authorization.k8s.io/v1";

test("a role and a cluster role grant the rules that stand in them", () => {
  for (const resource of ["roles", "clusterroles"]) {
    expect(of(resource, { rules: [RULE, "x", null] })).toEqual({ rules: [RULE], elsewhere: [] });
    expect(of(resource, { rules: null })).toEqual({ rules: [], elsewhere: [] });
  }
});

test("a binding grants what its role does, which stands where the role is", () => {
  expect(bound("ClusterRole")).toEqual([`${ROLES}/clusterroles/admin`]);
  expect(bound("ClusterRole", "system:node")).toEqual([`${ROLES}/clusterroles/system%3Anode`]);
  expect(bound("Role", "a/b")).toEqual([`${ROLES}/namespaces/a/roles/a%2Fb`]);
  expect(of("clusterrolebindings", { roleRef: { kind: "ClusterRole", name: "view" } }).elsewhere).toEqual([
    `${ROLES}/clusterroles/view`,
  ]);
});

test.each([["Other"], [1], ["Role", 1], ["Role", ""]])("a roleRef of kind %s names no role", (kind, name = "admin") => {
  expect(bound(kind, name)).toEqual([]);
});

test("a roleRef that a cluster role brings along hides none of its rules, and rules of a binding are none", () => {
  const both = { rules: [RULE], roleRef: { kind: "ClusterRole", name: "view" } };
  expect(of("clusterroles", both)).toEqual({ rules: [RULE], elsewhere: [] });
  expect(of("rolebindings", both)).toEqual({ rules: [], elsewhere: [`${ROLES}/clusterroles/view`] });
});

const aggregated = (...clusterRoleSelectors: unknown[]): (string | null)[] =>
  of("clusterroles", { aggregationRule: { clusterRoleSelectors } }).elsewhere.map((path) =>
    new URL(path, "https://a").searchParams.get("labelSelector"),
  );

test.each<[string, object, string | null]>([
  ["labels", { matchLabels: { "example.com/a": "b", c: "" } }, "example.com/a=b,c="],
  ["In", { matchExpressions: [{ key: "a", operator: "In", values: ["b", "c"] }] }, "a in (b,c)"],
  ["NotIn", { matchExpressions: [{ key: "a", operator: "NotIn", values: ["b"] }] }, "a notin (b)"],
  ["Exists", { matchExpressions: [{ key: "a", operator: "Exists" }] }, "a"],
  ["DoesNotExist", { matchExpressions: [{ key: "a", operator: "DoesNotExist", values: [] }] }, "!a"],
  ["nothing, which is all", {}, null],
])("an aggregation by %s is a list of cluster roles", (_what, selector, expected) => {
  expect(aggregated(selector)).toEqual([expected]);
});

test("only a cluster role aggregates", () => {
  expect(of("roles", { aggregationRule: { clusterRoleSelectors: [{}] } }).elsewhere).toEqual([]);
  for (const aggregationRule of [null, {}, [], "x", { clusterRoleSelectors: {} }]) {
    expect(of("clusterroles", { aggregationRule }).elsewhere).toEqual([]);
  }
});

test.each<[string, unknown]>([
  ["a text", "a=b"],
  ["a label whose value is more than one selector", { matchLabels: { a: "b,c" } }],
  ["a label whose key is one", { matchLabels: { "!a": "b" } }],
  ["a value that is no text", { matchLabels: { a: 1 } }],
  ["an operator that there is not", { matchExpressions: [{ key: "a", operator: "toString" }] }],
  ["an expression without a key", { matchExpressions: [{ operator: "Exists" }] }],
  ["values that end the list", { matchExpressions: [{ key: "a", operator: "In", values: ["b)"] }] }],
])("%s is refused as a selector", (_what, selector) => {
  expect(() => aggregated(selector)).toThrow("is no label selector");
});

test("more selectors than any role has are refused, since each is a question to the API server", () => {
  expect(() => aggregated(...Array(21).fill({}))).toThrow("over 20 selectors");
});
