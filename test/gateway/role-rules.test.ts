import { expect, test } from "vitest";
import { causesOf, kube } from "./client.ts";
import type { Rig, Seen } from "./rig.ts";
import { useRig } from "./use-rig.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ALL = { apiGroups: ["*"], resources: ["pods"], verbs: ["*"] };
const SOME = { apiGroups: [""], resources: ["pods"], verbs: ["get"] };
const record = { effect: "record" };

let rig: Rig;
let token = "";
// Only what a role grants stops it here: in baseline its name alone would.
useRig((opened) => ({ rig, token } = opened), {
  guardrails: {
    rules: {
      "rbac/role": record,
      "rbac/role-binding": record,
      "rbac/cluster-role-binding": record,
      "rbac/aggregation": record,
    },
  },
});

/** The API server has these roles; what is written it answers as it came. */
function upstream(roles: Record<string, [status: number, body: object]>): void {
  rig.upstream.answer = (seen, res) => {
    const [status, body] = seen.method === "GET" ? (roles[pathOf(seen)] ?? [404, {}]) : [201, JSON.parse(seen.body)];
    res.writeHead(status, { "content-type": "application/json" });
    res.end(JSON.stringify(body));
  };
}
const pathOf = ({ url }: Seen): string => url.replace("?", " ").split(" ")[0] as string;
const writes = (): Seen[] => rig.upstream.seen.filter(({ method }) => method !== "GET");
const reads = (): Seen[] => rig.upstream.seen.filter(({ method }) => method === "GET");
const post = (resource: string, body: object): ReturnType<typeof kube> =>
  kube(rig, "POST", `${RBAC}/${resource}`, { token, body: { apiVersion: "rbac.authorization.k8s.io/v1", ...body } });

const binding = (name: string): object => ({
  kind: "ClusterRoleBinding",
  metadata: { name: "b" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
  subjects: [],
});

test("a binding is judged by what its role grants, which the gateway reads in its own name", async () => {
  upstream({ [`${RBAC}/clusterroles/owner`]: [200, { kind: "ClusterRole", rules: [SOME, ALL] }] });
  const reply = await post("clusterrolebindings", binding("owner"));
  expect(reply.status).toBe(403);
  expect(causesOf(reply)).toContain("rbac/wildcard");
  expect(reply.text).toContain("grants all verbs on pods");
  expect(writes()).toEqual([]);
  expect(reads().map(({ headers }) => headers["impersonate-user"])).toEqual([undefined]);
});

test("a binding to a role that grants little passes", async () => {
  upstream({ [`${RBAC}/clusterroles/reader`]: [200, { kind: "ClusterRole", rules: [SOME] }] });
  expect((await post("clusterrolebindings", binding("reader"))).status).toBe(201);
});

test("a binding whose role cannot be read is refused", async () => {
  upstream({ [`${RBAC}/clusterroles/hidden`]: [403, {}] });
  const reply = await post("clusterrolebindings", binding("hidden"));
  expect(reply.status).toBe(403);
  expect(reply.text).toContain("could not be read (403)");
  expect(writes()).toEqual([]);
});

const aggregate = (value: string, more: object = {}): object => ({
  kind: "ClusterRole",
  metadata: { name: "sum" },
  aggregationRule: { clusterRoleSelectors: [{ matchLabels: { sum: value } }] },
  rules: [],
  ...more,
});

test("an aggregated cluster role is judged by the roles that it will collect", async () => {
  const items = [
    { metadata: { name: "a" }, rules: [SOME] },
    { metadata: { name: "b" }, rules: [ALL] },
  ];
  upstream({ [`${RBAC}/clusterroles`]: [200, { kind: "ClusterRoleList", items }] });
  const reply = await post("clusterroles", aggregate("all"));
  expect(reply.status).toBe(403);
  expect(causesOf(reply)).toContain("rbac/wildcard");
  expect(reply.json).toMatchObject({
    details: { causes: expect.arrayContaining([expect.objectContaining({ field: "aggregationRule" })]) },
  });
  expect(reads().map(({ url }) => new URL(url, "https://a").searchParams.get("labelSelector"))).toEqual(["sum=all"]);
});

test("what it was filled with before is not what it collects", async () => {
  const items = [
    { metadata: { name: "a" }, rules: [SOME] },
    { metadata: { name: "sum" }, rules: [ALL] },
  ];
  upstream({ [`${RBAC}/clusterroles`]: [200, { kind: "ClusterRoleList", items }] });
  expect((await post("clusterroles", aggregate("some"))).status).toBe(201);
});

test("a roleRef that a cluster role brings along hides none of its rules", async () => {
  upstream({ [`${RBAC}/clusterroles/reader`]: [200, { kind: "ClusterRole", rules: [SOME] }] });
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "reader" };
  const reply = await post("clusterroles", { kind: "ClusterRole", metadata: { name: "x" }, rules: [ALL], roleRef });
  expect(causesOf(reply)).toContain("rbac/wildcard");
});

test("a merge patch of a role is judged by the role that it makes", async () => {
  upstream({});
  const reply = await kube(rig, "PATCH", `${RBAC}/namespaces/shop/roles/web`, {
    token,
    headers: { "content-type": "application/merge-patch+json" },
    body: { rules: [ALL] },
  });
  expect(causesOf(reply)).toContain("rbac/wildcard");
  expect(writes().map(({ url }) => url)).toEqual([`${RBAC}/namespaces/shop/roles/web?dryRun=All`]);
});

test("a list of objects in one body is refused, whatever they are", async () => {
  upstream({});
  const reply = await post("clusterroles", { kind: "List", items: [{ kind: "ClusterRole", rules: [ALL] }] });
  expect(reply.status).toBe(400);
  expect(reply.text).toContain("send one request for each item");
  expect(rig.upstream.seen).toEqual([]);
});
