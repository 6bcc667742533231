import { beforeAll, expect, test } from "vitest";
import { openWorld, type World } from "./harness.ts";

const record = { effect: "record" };
let world: World;
beforeAll(async () => {
  // Only what a role grants stops it here: in baseline its name alone would.
  const names = ["rbac/role", "rbac/role-binding", "rbac/cluster-role-binding", "rbac/aggregation"];
  world = await openWorld({ guardrails: { rules: Object.fromEntries(names.map((name) => [name, record])) } });
  const label = "pod-security.kubernetes.io/enforce";
  await world.admin(["create", "namespace", "fenced"]);
  expect(await world.admin(["label", "namespace", "fenced", `${label}=restricted`])).toMatchObject({ code: 0 });
});

const aggregated = (name: string, selector: object): string =>
  JSON.stringify({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name },
    aggregationRule: { clusterRoleSelectors: [selector] },
    rules: [],
  });

test("a cluster role that aggregates what edit is made of is refused: that impersonates service accounts", async () => {
  const selector = { matchLabels: { "rbac.authorization.k8s.io/aggregate-to-edit": "true" } };
  const { code, stderr } = await world.kubectl(["create", "-f", "-"], aggregated("sum", selector));
  expect(stderr).toContain("rbac/escalating-verbs: grants impersonate on serviceaccounts");
  expect(code).toBe(1);
});

test("a selector with each of its operators is one that the API server reads", async () => {
  const matchExpressions = [
    { key: "example.com/a", operator: "In", values: ["b", "c"] },
    { key: "example.com/b", operator: "NotIn", values: ["d"] },
    { key: "example.com/c", operator: "Exists" },
    { key: "example.com/d", operator: "DoesNotExist" },
  ];
  const selector = { matchLabels: { "example.com/e": "" }, matchExpressions };
  expect(await world.kubectl(["create", "-f", "-"], aggregated("none", selector))).toMatchObject({ code: 0 });
});

test("a binding is judged by what its cluster role grants there", async () => {
  const bind = (role: string): ReturnType<World["kubectl"]> =>
    world.kubectl(["create", "rolebinding", role, `--clusterrole=${role}`, "--user=jane", "--namespace=fenced"]);
  const edit = await bind("edit");
  expect(edit.stderr).toContain("rbac/escalating-verbs: grants impersonate on serviceaccounts");
  expect(await bind("view")).toMatchObject({ code: 0 });
});

test("a namespace keeps its pod security label, by whichever subresource one writes it", async () => {
  const patch = ["patch", "namespace", "fenced", "--type=merge", "--patch"];
  const body = JSON.stringify({ metadata: { labels: { "pod-security.kubernetes.io/enforce": "privileged" } } });
  for (const subresource of [[], ["--subresource=status"]]) {
    const { code, stderr } = await world.kubectl([...patch, body, ...subresource]);
    expect(stderr).toContain("tenancy/pod-security-labels: sets pod-security.kubernetes.io/enforce");
    expect(code).toBe(1);
  }
  // The API server itself takes it by either.
  expect(await world.admin([...patch, body, "--subresource=status"])).toMatchObject({ code: 0 });
  const stored = await world.admin(["get", "namespace", "fenced", "--output=jsonpath={.metadata.labels}"]);
  expect(stored.stdout).toContain('"pod-security.kubernetes.io/enforce":"privileged"');
});
