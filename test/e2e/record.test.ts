import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { type PrivilegedOperation, privilegedOperations } from "../../audit/queries.ts";
import { type Reconciliation, readApiAudit, reconcile } from "../../audit/reconcile.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { type Finished, start } from "../../cli/up/command.ts";
import { type AuditEntry, readAuditLog } from "../../tools/control-plane/audit-log.ts";
import {
  AGENT,
  approveNext,
  call,
  decide,
  GATEWAY_USER,
  idToken,
  MAIN,
  openWorld,
  pending,
  until,
  type World,
} from "./harness.ts";
import { configMap, deployment, documents, hostPathPod } from "./objects.ts";

let world: World;
let events: EventRow[];
let privileged: PrivilegedOperation[];
let auditFile: string;

/** What an agent does in a day's work, and what it must not do: each kind of request that kubectl makes. */
async function work(): Promise<void> {
  const k = (args: string[], input?: string): Promise<Finished> => world.kubectl(args, input);
  const many = (n: number, make: (i: number) => string): string =>
    documents(...Array.from({ length: n }, (_, i) => make(i)));

  // Discovery, get, list, describe, tables, raw paths, a selector, what is not there.
  await k(["api-resources"]);
  await k(["get", "pods,services,configmaps,deployments,jobs,serviceaccounts,events", "-n", "shop"]);
  await k(["get", "nodes,namespaces,persistentvolumes,clusterroles"]);
  await k(["get", "pod", "web", "-n", "shop", "-o", "yaml"]);
  await k(["describe", "pod", "web", "-n", "shop"]);
  await k(["get", "--raw", "/version"]);
  await k(["get", "pod", "nobody", "-n", "shop"]);
  await k(["auth", "can-i", "--list", "-n", "shop"]);
  await k(["logs", "web", "-n", "shop"]);
  await k(["logs", "nobody", "-n", "shop"]);
  await k(["wait", "--for=condition=Ready", "pod/web", "-n", "shop", "--timeout=1s"]);
  await k(["get", "pods", "-n", "shop", "--watch", "--request-timeout=2s"]);

  // Create, apply, every patch, replace, scale, delete.
  await k(
    ["apply", "-f", "-"],
    many(25, (i) => configMap(`c${i}`, { n: "1" })),
  );
  await k(
    ["apply", "-f", "-"],
    many(25, (i) => configMap(`c${i}`, { n: "2" })),
  );
  await k(
    ["apply", "-f", "-"],
    many(25, (i) => configMap(`c${i}`, { n: "2" })),
  );
  await k(
    ["create", "-f", "-"],
    many(10, (i) => configMap(`d${i}`, { n: "1" })),
  );
  await k(
    ["apply", "--server-side", "-f", "-"],
    many(5, (i) => configMap(`s${i}`, { n: "1" })),
  );
  await k(["apply", "-f", "-"], deployment("web"));
  await k(["patch", "deployment", "web", "-n", "shop", "-p", '{"metadata":{"labels":{"a":"b"}}}']);
  await k(["patch", "deployment", "web", "-n", "shop", "--type=merge", "-p", '{"metadata":{"labels":{"a":"c"}}}']);
  const labels = '[{"op":"replace","path":"/metadata/labels/a","value":"d"}]';
  await k(["patch", "deployment", "web", "-n", "shop", "--type=json", "-p", labels]);
  await k(["replace", "-f", "-"], deployment("web", { image: "registry.example.com/web:2" }));
  await k(["scale", "deployment", "web", "-n", "shop", "--replicas=1"]);
  await k(["rollout", "restart", "deployment", "web", "-n", "shop"]);
  // Judged by what is stored, while somebody else writes it: a 409 on our precondition is judged again, under an id of its own.
  let writing = true;
  const others = (async (): Promise<void> => {
    for (let i = 0; writing; i++) {
      await world.admin(["annotate", "deployment", "web", "-n", "shop", `by=${i}`, "--overwrite"]);
    }
  })();
  const patching = Array.from({ length: 4 }, (_, i) =>
    k(["patch", "deployment", "web", "-n", "shop", "-p", `{"metadata":{"labels":{"n":"${i}"}}}`]),
  );
  expect((await Promise.all(patching)).map(({ code }) => code)).toEqual([0, 0, 0, 0]);
  writing = false;
  await others;
  await k(["annotate", "pod", "web", "-n", "shop", "note=1"]);
  await k(["apply", "--dry-run=server", "-f", "-"], hostPathPod("tried"));
  await k(
    ["delete", "-f", "-"],
    many(25, (i) => configMap(`c${i}`, {})),
  );
  await k(["delete", "configmap", "-n", "shop", "d0", "d1", "d2"]);
  await k(["get", "secret", "database", "-n", "shop"]);

  // Held: approved, denied, and waited for in vain.
  const approved = k(["create", "-f", "-"], hostPathPod("approved"));
  await approveNext(world, "approved");
  expect((await approved).code).toBe(0);
  const changed = k(["apply", "-f", "-"], deployment("web", { hostPath: "/var/log" }));
  await approveNext(world, "web");
  expect((await changed).code).toBe(0);
  const denied = k(["create", "-f", "-"], hostPathPod("denied"));
  await decide(world, await pending(world, "denied"), "deny");
  expect((await denied).code).toBe(1);
  await k(["create", "-f", "-"], hostPathPod("late", "brief"));
  await k(["exec", "web", "-n", "brief", "--", "id"]);

  // Blocked: before the API server hears of them.
  const bindings = many(30, (i) => BINDING(i));
  await k(["create", "-f", "-"], bindings);
  for (const resource of ["secrets", "secrets/database"]) await k(["get", resource, "-A"]);
  await k(["create", "token", "default", "-n", "shop"]);
  await k(["get", "--raw", "/api/v1/nodes/n1/proxy/pods"]);
  await k(["get", "pods", "-n", "shop", "--as=system:admin"]);
  const token = await idToken(world, "agent");
  const at = (path: string): string => `/connections/local${path}`;
  for (let i = 0; i < 10; i++) {
    await call(world, "GET", at("/api/v1/secrets"), { token });
    await call(world, "GET", at("/api/v1/pods"), { token: "not.a.token" });
    await call(world, "GET", at("/api/v1/namespaces/shop/pods%2Fweb"), { token });
    await call(world, "POST", at("/api/v1/namespaces/shop/configmaps"), { token, body: "{" });
  }
}

const BINDING = (i: number): string => `apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: grab-${i}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: "${AGENT}"}]
`;

beforeAll(async () => {
  world = await openWorld({
    guardrails: { scopes: [{ name: "brief", match: { namespaces: ["brief"] }, approval: { holdSeconds: 1 } }] },
  });
  await world.admin(["create", "namespace", "brief"]);
  await work();
  events = await world.closeAndRead();
  const store = await openStoreReader(world.config.audit.store);
  privileged = await privilegedOperations(store, world.config.tenant);
  await store.close();
  auditFile = join(world.directory, "api-audit.log");
  writeFileSync(auditFile, readFileSync(world.cluster.auditLogFile ?? ""));
});

const joined = (ours: readonly EventRow[], file = auditFile): Promise<Reconciliation> =>
  reconcile(ours, readApiAudit(file), { gatewayUsers: [GATEWAY_USER] });

function reconcileCommand(file: string): Promise<Finished> {
  const args = ["audit", "reconcile", "--api-audit", file, "--config", world.state.configFile];
  const { PATH, HOME } = process.env;
  return start(process.execPath, [MAIN, ...args, "--gateway-user", GATEWAY_USER], { env: { PATH, HOME } }).finished;
}

describe("the API server's audit log and our events, joined on Audit-ID both ways", () => {
  test("each forwarded request is in both exactly once, gather calls under ids of their own", async () => {
    const found = await joined(events);
    expect(found.missingInOurs).toEqual([]);
    expect(found.missingInTheirs).toEqual([]);
    expect(found.duplicated).toEqual([]);
    expect(found.whole).toBe(true);
    const gathered = new Set(events.filter(({ kind }) => kind === "gather").map(({ exchange_id }) => exchange_id));
    const requests = found.inBoth.filter((id) => !gathered.has(id));
    expect(requests.length).toBeGreaterThanOrEqual(200);
    expect(found.inBoth.length - requests.length).toBeGreaterThanOrEqual(20);
    const parents = new Set(events.filter(({ kind }) => kind !== "gather").map(({ exchange_id }) => exchange_id));
    for (const { kind, exchange_id, payload } of events) {
      if (kind !== "gather") continue;
      const { parent, purpose } = JSON.parse(payload) as { parent?: string; purpose: string };
      expect(exchange_id).not.toBe(parent);
      if (purpose !== "credential") expect(parents).toContain(parent);
    }
  });

  test("each blocked request is only in ours", async () => {
    const theirs = new Set<string>();
    for await (const { auditID } of readApiAudit(auditFile)) theirs.add(auditID);
    const blocked = events.filter(({ kind }) => kind === "request.refused");
    expect(blocked.length).toBeGreaterThanOrEqual(50);
    expect(new Set(blocked.map(({ exchange_id }) => exchange_id)).size).toBe(blocked.length);
    for (const { exchange_id, payload, path } of blocked) {
      const { forwarded, code } = JSON.parse(payload) as { forwarded: boolean; code: string };
      expect(forwarded, `${code} ${path}`).toBe(false);
      expect(theirs.has(exchange_id), `${code} ${path}`).toBe(false);
    }
  });

  test("the audit log names the agent in each request, and the gateway by its own service account", async () => {
    const ids = new Set((await joined(events)).inBoth);
    const gathered = new Set(events.filter(({ kind }) => kind === "gather").map(({ exchange_id }) => exchange_id));
    for (const entry of await readAuditLog(auditFile)) {
      if (!ids.has(entry.auditID)) continue;
      expect(entry.user.username).toBe(GATEWAY_USER);
      if (!gathered.has(entry.auditID)) expect(entry.impersonatedUser?.username).toBe(AGENT);
    }
  });

  test("deleting one event fails it", async () => {
    const ends = events.filter(({ kind }) => kind === "request.outcome" || kind === "gather");
    const first = ends.find(({ kind, verb }) => kind === "request.outcome" && verb === "get");
    const gather = ends.find(({ kind }) => kind === "gather");
    for (const gone of [first, gather]) {
      expect(gone).toBeDefined();
      const found = await joined(events.filter((event) => event !== gone));
      expect(found.whole).toBe(false);
      expect(found.missingInOurs.map(({ auditID }) => auditID)).toEqual([gone?.exchange_id]);
    }
  });

  test("deleting one that the join can do without, an intent whose outcome is there, breaks the chain", () => {
    const intent = events.find(({ kind }) => kind === "request.intent");
    expect(verifyChain(events)).toMatchObject({ ok: true });
    expect(verifyChain(events.filter((event) => event !== intent))).toMatchObject({ ok: false });
  });

  test("`sallyport audit reconcile` exits 0 on the same", async () => {
    const answer = await reconcileCommand(auditFile);
    expect(answer.stdout).toContain("the records agree");
    expect(answer.code).toBe(0);
  });

  test("deleting one line of the API server's log fails it, and the command exits 1", async () => {
    const found = await joined(events);
    const lines = readFileSync(auditFile, "utf8").split("\n");
    const id = found.inBoth[0] ?? "";
    const short = join(world.directory, "short-audit.log");
    writeFileSync(short, lines.filter((line) => !line.includes(id)).join("\n"));
    expect((await joined(events, short)).missingInTheirs.map(({ exchange_id }) => exchange_id)).toEqual([id]);
    expect((await reconcileCommand(short)).code).toBe(1);
  });

  test("one call made directly with the gateway's credential fails it, and the command names it and exits 1", async () => {
    const token = readFileSync(world.state.tokenFile, "utf8").trim();
    const flags = ["--server", world.cluster.server, "--certificate-authority", world.cluster.caFile];
    const { PATH } = process.env;
    const around = start(
      world.cluster.kubectl,
      [...flags, "--token", token, "--as", AGENT, "get", "--raw", "/api/v1/namespaces/shop/pods?around=1"],
      { env: { PATH, HOME: world.directory } },
    );
    await around.finished;
    const live = world.cluster.auditLogFile ?? "";
    await until(() => readFileSync(live, "utf8").includes("around=1"));
    const found = await joined(events, live);
    expect(found.whole).toBe(false);
    expect(found.missingInOurs.map(({ requestURI }) => requestURI)).toEqual(["/api/v1/namespaces/shop/pods?around=1"]);
    const answer = await reconcileCommand(live);
    expect(answer.code).toBe(1);
    expect(answer.stdout).toContain(
      `around the gateway: list /api/v1/namespaces/shop/pods?around=1 by ${GATEWAY_USER}`,
    );
  });
});

/** What this test holds to be privileged, whatever the product's own catalogue says: by the API server's log. */
const PRIVILEGED: { what: string; is(entry: AuditEntry): boolean }[] = [
  { what: "Secrets", is: ({ objectRef }) => objectRef?.resource === "secrets" },
  {
    what: "RBAC",
    is: ({ objectRef, verb }) => objectRef?.apiGroup === "rbac.authorization.k8s.io" && !READS.has(verb),
  },
  { what: "logs", is: ({ objectRef }) => objectRef?.subresource === "log" },
  { what: "exec", is: ({ objectRef }) => ["exec", "attach", "portforward"].includes(objectRef?.subresource ?? "") },
  { what: "proxy", is: ({ objectRef }) => objectRef?.subresource === "proxy" },
  { what: "tokens", is: ({ objectRef }) => objectRef?.subresource === "token" },
  { what: "self reviews", is: ({ objectRef }) => /^selfsubject(access|rules)reviews$/.test(objectRef?.resource ?? "") },
];
const READS = new Set(["get", "list", "watch"]);

describe("privileged operations", () => {
  test("each one that the API server saw of the agent is accounted for", async () => {
    const gathered = new Set(events.filter(({ kind }) => kind === "gather").map(({ exchange_id }) => exchange_id));
    const rows = new Map(privileged.map((row) => [row.exchange_id, row]));
    const entries = (await readAuditLog(auditFile)).filter(
      ({ auditID, impersonatedUser }) => impersonatedUser?.username === AGENT && !gathered.has(auditID),
    );
    const seen = entries.filter((entry) => PRIVILEGED.some(({ is }) => is(entry)));
    expect(seen.length).toBeGreaterThanOrEqual(4);
    for (const entry of seen) expect(rows.get(entry.auditID), entry.requestURI).toBeDefined();
    expect(privileged.filter(({ outcome }) => outcome === "unknown")).toEqual([]);
  });

  test("each is there with what became of it: blocked, approved, denied, expired or masked", () => {
    const outcomes = (resource: string, name = ""): string[] => [
      ...new Set(
        privileged.filter((row) => row.resource === resource && row.name.includes(name)).map(({ outcome }) => outcome),
      ),
    ];
    expect(outcomes("clusterrolebindings")).toEqual(["blocked"]);
    expect(outcomes("pods", "approved")).toEqual(["approved"]);
    expect(outcomes("pods", "denied")).toEqual(["denied"]);
    expect(outcomes("pods", "late")).toEqual(["expired"]);
    expect(outcomes("secrets", "database")).toEqual(["masked"]);
    expect(outcomes("serviceaccounts")).toEqual(["blocked"]);
    expect(outcomes("nodes")).toEqual(["blocked"]);
    expect(privileged.find(({ name }) => name === "approved")?.approvers).toEqual(["dev:alice@example.com"]);
    expect(privileged.filter(({ resource }) => resource === "clusterrolebindings")).toHaveLength(30);
  });

  test("each hostPath that is stored was approved", async () => {
    const stored = await world.admin(["get", "pods,deployments", "-n", "shop", "-o", "json"]);
    const { items } = JSON.parse(stored.stdout) as { items: { metadata: { name: string } }[] };
    const mounting = items.filter((item) => JSON.stringify(item).includes('"hostPath":')).map((i) => i.metadata.name);
    expect(mounting.sort()).toEqual(["approved", "web"]);
    for (const name of mounting) {
      const rows = privileged.filter((row) => row.name === name && row.rules.includes("workload/host-path"));
      expect(rows.map(({ outcome }) => outcome)).toEqual(["approved"]);
    }
  });
});
