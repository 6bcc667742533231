import { copyFileSync, cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { type PrivilegedOperation, type PrivilegedOutcome, privilegedOperations } from "../../audit/queries.ts";
import { namedQuery } from "../../audit/questions/named-queries.ts";
import { readApiAudit, reconcile } from "../../audit/reconcile.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { keptBundle } from "../../cli/policy/bundle-cache.ts";
import { type Finished, start } from "../../cli/up/command.ts";
import { type AuditEntry, readAuditLog } from "../../tools/control-plane/audit-log.ts";
import { inThirtyDays, standingFile } from "../approvals/standing-files.ts";
import {
  AGENT,
  type ApprovalView,
  adminToken,
  call,
  folder,
  GATEWAY_USER,
  idToken,
  MAIN,
  openWorld,
  REGO,
  revision,
  until,
  type World,
} from "./harness.ts";

/** One call of the agent, what it is called in the API server's log and what has to become of it. */
interface Call {
  expected: PrivilegedOutcome;
  method: string;
  path: string;
  body?: object;
  headers?: Record<string, string>;
}

const SHOP = "/api/v1/namespaces/shop";
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const hostPod = (expected: PrivilegedOutcome, n: number, namespace = "shop"): Call => ({
  expected,
  method: "POST",
  path: `/api/v1/namespaces/${namespace}/pods`,
  body: {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `host-${expected}-${n}`, namespace },
    spec: {
      containers: [{ name: "main", image: "registry.example.com/tool:1" }],
      volumes: [{ name: "host", hostPath: { path: "/var/log" } }],
    },
  },
});
const many = (n: number, make: (i: number) => Call): Call[] => Array.from({ length: n }, (_, i) => make(i));
const binding = (i: number): object => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "ClusterRoleBinding",
  metadata: { name: `grab-${i}` },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
  subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: AGENT }],
});
const review = (kind: string, spec: object): object => ({ apiVersion: "authorization.k8s.io/v1", kind, spec });

/** Forty calls, over every outcome that a rule or a person can bring about. */
const CALLS: Call[] = [
  ...many(4, (i) => ({ expected: "masked", method: "GET", path: `${SHOP}/secrets/s${i}` })),
  {
    expected: "masked",
    method: "GET",
    path: `${SHOP}/secrets/database`,
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json" },
  },
  {
    expected: "observed",
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: review("SelfSubjectAccessReview", {
      resourceAttributes: { verb: "get", resource: "secrets", namespace: "shop" },
    }),
  },
  {
    expected: "observed",
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    body: review("SelfSubjectRulesReview", { namespace: "shop" }),
  },
  { expected: "observed", method: "GET", path: `${SHOP}/pods/web/log` },
  ...many(4, (i) => ({ expected: "blocked", method: "POST", path: `${RBAC}/clusterrolebindings`, body: binding(i) })),
  { expected: "blocked", method: "GET", path: "/api/v1/secrets" },
  { expected: "blocked", method: "GET", path: `${SHOP}/secrets` },
  { expected: "blocked", method: "GET", path: "/api/v1/nodes/n1/proxy/pods" },
  {
    expected: "blocked",
    method: "POST",
    path: `${SHOP}/serviceaccounts/default/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  },
  { expected: "blocked", method: "GET", path: `${SHOP}/pods`, headers: { "impersonate-user": "system:admin" } },
  {
    expected: "expired",
    method: "POST",
    path: "/api/v1/namespaces/kube-system/configmaps",
    body: { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "coredns-custom" }, data: {} },
  },
  {
    expected: "blocked",
    method: "POST",
    path: "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    body: {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "MutatingWebhookConfiguration",
      metadata: { name: "grab" },
      webhooks: [],
    },
  },
  ...many(4, (i) => hostPod("denied", i)),
  ...many(4, (i) => hostPod("expired", i, "brief")),
  ...many(5, (i) => hostPod("approved", i)),
  ...many(3, (i) => hostPod("break-glass", i)),
  ...many(5, (i) => hostPod("exempted", i, "excepted")),
];
/** What a person says to what is held. */
const VERDICTS: Partial<Record<PrivilegedOutcome, [string, { reason: string }]>> = {
  denied: ["deny", { reason: "not today" }],
  approved: ["approve", { reason: "fine" }],
  "break-glass": ["break-glass", { reason: "the shop is down" }],
};
const isHeld = ({ expected }: Call): boolean => expected in VERDICTS;

/** What this test holds to be privileged, whatever the product's own catalogue says: by the API server's log alone. */
const READS = new Set(["get", "list", "watch"]);
const PRIVILEGED: Record<string, (entry: AuditEntry) => boolean> = {
  "Secrets, read or written": ({ objectRef }) => objectRef?.resource === "secrets",
  "RBAC, written": ({ objectRef, verb }) => objectRef?.apiGroup === "rbac.authorization.k8s.io" && !READS.has(verb),
  "exec, logs, proxies, tokens": ({ objectRef }) =>
    ["exec", "attach", "portforward", "log", "proxy", "token"].includes(objectRef?.subresource ?? ""),
  "what may I": ({ objectRef }) => /^selfsubject(access|rules)reviews$/.test(objectRef?.resource ?? ""),
  "system namespaces, written": ({ objectRef, verb }) =>
    /^kube-/.test(objectRef?.namespace ?? "") && !READS.has(verb) && verb !== "",
  "many at once, deleted": ({ verb }) => verb === "deletecollection",
  // Its metadata does not tell what a pod mounts: these are the pods that this test makes for it.
  "pods that mount their node's directories": ({ objectRef, verb }) =>
    objectRef?.resource === "pods" && verb === "create" && (objectRef.name ?? "").startsWith("host-"),
};
const isPrivileged = (entry: AuditEntry): boolean => Object.values(PRIVILEGED).some((is) => is(entry));

let world: World;
let privileged: PrivilegedOperation[];
let unguarded: Record<string, unknown>[];
let entries: AuditEntry[];
let events: EventRow[];
const exchanges = new Map<Call, string>();
/** The read that no rule named any more. */
let unruled = "";

async function send({
  method,
  path,
  body,
  headers,
}: Call): Promise<{ status: number; exchange: string; text: string }> {
  const token = await idToken(world, "agent");
  const reply = await call(world, method, `/connections/local${path}`, {
    token,
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
  });
  return { status: reply.status, exchange: reply.headers.get("audit-id") ?? "", text: reply.text };
}

/** Decides each of these as soon as it is held. */
async function settle(calls: readonly Call[]): Promise<void> {
  const waiting = new Map(calls.map((one) => [(one.body as { metadata: { name: string } }).metadata.name, one]));
  const [reader, token] = await Promise.all([idToken(world, "alice"), adminToken(world, "alice")]);
  await until(async () => {
    const list = await call(world, "GET", "/v1alpha1/approvals?state=pending&limit=100", { token: reader });
    for (const held of (list.json as { items: ApprovalView[] }).items) {
      const one = waiting.get(held.summary.name);
      if (one === undefined) continue;
      waiting.delete(held.summary.name);
      const [verb, body] = VERDICTS[one.expected] ?? [];
      const path = `/v1alpha1/approvals/${held.name}/${verb}`;
      const { status, text } = await call(world, "POST", path, {
        token,
        body: verb === "break-glass" ? body : { ...body, seen: held.seen },
      });
      expect(status, text).toBe(200);
    }
    return waiting.size === 0;
  }, 60_000);
}

async function work(): Promise<void> {
  const file = standingFile("collectors", {
    subjects: [{ issuer: world.config.issuers[0]?.name, username: AGENT }],
    match: { connection: "local", resources: ["/pods"], namespaces: ["excepted"], verbs: ["create"] },
    requestedBy: { issuer: world.config.issuers[0]?.name, username: "dev:bob@example.com", session: "" },
    notAfter: inThirtyDays(),
  });
  const token = await adminToken(world, "alice");
  const body = { file, reason: "collectors read logs" };
  const applied = await call(world, "POST", "/v1alpha1/exceptions/collectors/apply", { token, body });
  expect(applied.status, applied.text).toBe(200);
  await Promise.all([
    settle(CALLS.filter(isHeld)),
    ...CALLS.map(async (one) => exchanges.set(one, (await send(one)).exchange)),
  ]);
}

/** The rule is taken out of the bundle, and a Secret read whose value this session has not seen: it would be masked. */
async function removeRule(bundle: string): Promise<void> {
  const rules = join(folder(), "rego");
  cpSync(REGO, rules, { recursive: true });
  rmSync(join(rules, "secrets", "read"), { recursive: true });
  const before = await revision(world);
  copyFileSync((await keptBundle([rules])).file, bundle);
  await until(async () => (await revision(world)) !== before);
  const read = await send({ expected: "unguarded", method: "GET", path: `${SHOP}/secrets/s4` });
  expect(read.status).toBe(200);
  unruled = read.exchange;
}

beforeAll(async () => {
  const bundle = join(folder(), "bundle.tar.gz");
  copyFileSync((await keptBundle([REGO])).file, bundle);
  world = await openWorld({
    rules: bundle,
    guardrails: {
      scopes: [{ name: "brief", match: { namespaces: ["brief", "kube-system"] }, approval: { holdSeconds: 1 } }],
    },
  });
  for (const namespace of ["brief", "excepted"]) {
    await world.admin(["create", "namespace", namespace]);
    await until(async () => (await world.admin(["get", "serviceaccount", "default", "-n", namespace])).code === 0);
  }
  const secrets = Array.from({ length: 5 }, (_, i) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `s${i}`, namespace: "shop" },
    stringData: { password: `correct-horse-${i}` },
  }));
  await world.admin(["create", "-f", "-"], secrets.map((one) => JSON.stringify(one)).join("\n---\n"));
  await work();
  await removeRule(bundle);
  events = await world.closeAndRead();
  const store = await openStoreReader(world.config.audit.store);
  privileged = await privilegedOperations(store, world.config.tenant);
  unguarded = (await namedQuery("unguarded")?.run(store, world.config.tenant)) ?? [];
  await store.close();
  entries = await readAuditLog(world.cluster.auditLogFile ?? "");
});

const row = (exchange: string | undefined): PrivilegedOperation | undefined =>
  privileged.find(({ exchange_id }) => exchange_id === exchange);

function reconcileCommand(): Promise<Finished> {
  const args = ["audit", "reconcile", "--api-audit", world.cluster.auditLogFile ?? "", "--output", "json"];
  const { PATH, HOME } = process.env;
  const where = ["--config", world.state.configFile, "--gateway-user", GATEWAY_USER];
  return start(process.execPath, [MAIN, ...args, ...where], { env: { PATH, HOME } }).finished;
}

describe("forty privileged calls over every outcome", () => {
  test("each is one privileged operation, with what became of it", () => {
    expect(CALLS).toHaveLength(40);
    const found = CALLS.map((one) => [one.method, one.path, row(exchanges.get(one))?.outcome]);
    expect(found).toEqual(CALLS.map(({ method, path, expected }) => [method, path, expected]));
    expect(new Set(exchanges.values()).size).toBe(40);
  });

  test("who let it through or refused it stands with it, and why", () => {
    for (const one of CALLS) {
      const { approvers, reason, outcome } = row(exchanges.get(one)) ?? {};
      if (isHeld(one)) expect({ outcome, approvers }).toMatchObject({ approvers: ["dev:alice@example.com"] });
      if (one.expected === "break-glass") expect(reason).toBe("the shop is down");
      if (one.expected === "denied") expect(reason).toBe("not today");
    }
  });

  test("what was stopped never came to the API server, and all the rest did", () => {
    const theirs = new Set(entries.map(({ auditID }) => auditID));
    for (const [one, exchange] of exchanges) {
      expect(theirs.has(exchange), `${one.expected} ${one.path}`).toBe(
        !/^(blocked|denied|expired)$/.test(one.expected),
      );
    }
  });

  test("by the API server's own log and this test's own list, none is unaccounted for", () => {
    const ofAgent = entries.filter(
      ({ impersonatedUser, requestURI }) => impersonatedUser?.username === AGENT && !requestURI.includes("dryRun=All"),
    );
    const seen = ofAgent.filter(isPrivileged);
    expect(seen.length).toBeGreaterThanOrEqual(20);
    expect(seen.filter(({ auditID }) => row(auditID) === undefined).map(({ requestURI }) => requestURI)).toEqual([]);
    const open = privileged.filter(({ outcome }) => outcome === "unguarded" || outcome === "unknown");
    expect(open.map(({ exchange_id }) => exchange_id)).toEqual([unruled]);
  });

  test("a rule that was taken out shows as unguarded, under the policy that lacks it", () => {
    expect(row(unruled)).toMatchObject({
      outcome: "unguarded",
      resource: "secrets",
      name: "s4",
      rules: [],
      status: 200,
    });
    expect(unguarded).toEqual([
      expect.objectContaining({ family: "secrets", verb: "get", resource: "secrets", times: 1, usernames: [AGENT] }),
    ]);
    const masked = row(exchanges.get(CALLS[0] as Call));
    expect(masked).toMatchObject({ outcome: "masked", name: "s0", rules: ["secrets/read"] });
  });

  test("the command answers from the store as well, by name and in SQL of one's own", async () => {
    const ask = async (...args: string[]): Promise<{ items: Record<string, unknown>[] }> => {
      const { PATH, HOME } = process.env;
      const where = ["--config", world.state.configFile, "--output", "json"];
      const asked = start(process.execPath, [MAIN, "audit", "query", ...args, ...where], { env: { PATH, HOME } });
      const { code, stdout, stderr } = await asked.finished;
      expect(code, stderr).toBe(0);
      return JSON.parse(stdout) as { items: Record<string, unknown>[] };
    };
    const named = await ask("privileged-operations", "--param", "outcome=unguarded,unknown");
    expect(named.items.map(({ exchange_id }) => exchange_id)).toEqual([unruled]);
    const sql = "SELECT outcome, count() AS operations FROM privileged_operations GROUP BY outcome ORDER BY outcome";
    const counted = (await ask("--sql", sql)).items.map(({ outcome, operations }) => [outcome, operations]);
    const outcomes = [...new Set(privileged.map(({ outcome }) => outcome))].sort();
    expect(counted).toEqual(outcomes.map((one) => [one, privileged.filter(({ outcome }) => outcome === one).length]));
    expect(outcomes).toHaveLength(9);
  });

  test("the two records agree, until one call is made around the gateway, which `audit reconcile` names", async () => {
    const audit = readApiAudit(world.cluster.auditLogFile ?? "");
    const before = await reconcile(events, audit, { gatewayUsers: [GATEWAY_USER] });
    expect(before).toMatchObject({ whole: true, missingInOurs: [], missingInTheirs: [] });
    const token = readFileSync(world.state.tokenFile, "utf8").trim();
    const flags = ["--server", world.cluster.server, "--certificate-authority", world.cluster.caFile];
    const around = ["get", "--raw", `${SHOP}/secrets/database?around=1`];
    await start(world.cluster.kubectl, [...flags, "--token", token, "--as", AGENT, ...around], {
      env: { PATH: process.env.PATH, HOME: world.directory },
    }).finished;
    await until(() => readFileSync(world.cluster.auditLogFile ?? "", "utf8").includes("around=1"));
    const after = await reconcileCommand();
    expect(after.code).toBe(1);
    const { missingInOurs } = JSON.parse(after.stdout) as { missingInOurs: { requestURI: string; user: string }[] };
    expect(missingInOurs).toEqual([
      expect.objectContaining({
        requestURI: `${SHOP}/secrets/database?around=1`,
        user: GATEWAY_USER,
        impersonatedUser: AGENT,
      }),
    ]);
  });
});
