import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { manifests } from "../../cli/connection/manifests.ts";
import { apply, type Cluster } from "../../cli/up/cluster.ts";
import type { Person } from "../../cli/up/people.ts";
import { type DevelopmentIssuer, startDevelopmentIssuer } from "../../identity/development/issuer.ts";
import { type AuditEntry, readAuditLog } from "../../tools/control-plane/audit-log.ts";
import {
  AGENT,
  adminToken,
  call,
  cleanup,
  decide,
  GATEWAY_USER,
  idToken,
  openWorld,
  pending,
  type Reply,
  until,
  type World,
} from "./harness.ts";
import { hostPathPod } from "./objects.ts";

const SESSIONS = "sallyport-agents";
const SESSION_USER = `system:serviceaccount:${SESSIONS}:session`;
const READER_USER = "system:serviceaccount:sallyport:reader";

let world: World;
let other: DevelopmentIssuer;
const credentials: string[] = [];

async function prepare(config: Record<string, unknown>, directory: string, cluster: Cluster): Promise<void> {
  other = await startDevelopmentIssuer();
  cleanup(() => other.close());
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "reader", namespace: "sallyport" } };
  await apply(cluster, [
    ...manifests({
      name: "jit",
      server: cluster.server,
      namespace: "sallyport",
      serviceAccount: "minter",
      impersonate: true,
      users: [],
      groups: [],
      extraKeys: [],
      tokenRequest: { namespace: SESSIONS, serviceAccount: "session", seconds: 600 },
    }),
    // A second account of the gateway, that a rotated file will name.
    ...manifests({
      name: "second",
      server: cluster.server,
      namespace: "sallyport",
      serviceAccount: "second-gateway",
      impersonate: true,
      users: [],
      groups: [],
      extraKeys: [],
    }),
    account,
    {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "reader" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "cluster-admin" },
      subjects: [{ kind: "ServiceAccount", name: "reader", namespace: "sallyport" }],
    },
  ]);
  writeFileSync(join(directory, "minter.token"), await tokenOf(cluster, "minter"), { mode: 0o600 });
  const ca = readFileSync(cluster.caFile).toString("base64");
  writeFileSync(
    join(directory, "reader.kubeconfig"),
    stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server: cluster.server, "certificate-authority-data": ca } }],
      users: [{ name: "u", user: { token: await tokenOf(cluster, "reader") } }],
      contexts: [{ name: "reader", context: { cluster: "c", user: "u" } }],
    }),
  );
  const { server, caFile } = cluster;
  const tokenRequest = { namespace: SESSIONS, serviceAccount: "session", seconds: 600 };
  config.connections = [
    ...(config.connections as object[]),
    {
      name: "jit",
      kind: "kubernetes",
      server,
      caFile,
      credential: { tokenRequest, via: { tokenFile: "minter.token" } },
    },
    {
      name: "kube",
      kind: "kubernetes",
      credential: { kubeconfigFile: "reader.kubeconfig", context: "reader" },
      impersonate: false,
    },
  ];
  const prefix = { username: "other:", groups: "other:" };
  config.issuers = [...(config.issuers as object[]), { ...other.config, name: "other", prefix }];
}

async function tokenOf(cluster: Cluster, account: string, ...more: string[]): Promise<string> {
  const args = ["create", "token", account, ...(more.includes("-n") ? more : ["-n", "sallyport", ...more])];
  const { stdout, stderr, code } = await cluster.admin(args);
  if (code !== 0) throw new Error(stderr);
  credentials.push(stdout.trim());
  return stdout.trim();
}

beforeAll(async () => {
  world = await openWorld({
    configure: (config, { directory, cluster }) => prepare(config, directory, cluster),
    guardrails: {
      scopes: [
        { name: "look-only", match: { connections: ["kube"] }, profiles: ["read-only"] },
        { name: "devs", match: { groups: ["other:devs"] }, rules: { "workload/host-path": { effect: "deny" } } },
        { name: "locked", match: { namespaces: ["locked"] }, rules: { "secrets/read": { effect: "deny" } } },
      ],
    },
  });
  for (const namespace of ["locked", "open"]) {
    await world.admin(["create", "namespace", namespace]);
    await world.admin(["create", "secret", "generic", "s", "-n", namespace, "--from-literal=a=some-secret-value"]);
  }
  credentials.push(readFileSync(world.state.tokenFile, "utf8").trim());
  // The other issuer's people have rights of their own in the cluster, so that it is not RBAC that stops them.
  const grant = ["create", "clusterrolebinding", "others", "--clusterrole=view", "--group=other:sre"];
  await world.admin(grant);
});

function exchange(token: string, type = "id_token", more: Record<string, string> = {}): Promise<Reply> {
  const form = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: token,
    subject_token_type: `urn:ietf:params:oauth:token-type:${type}`,
    ...more,
  };
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return call(world, "POST", "/session", { headers, body: new URLSearchParams(form).toString() });
}

const pods = (connection: string, token: string): Promise<Reply> =>
  call(world, "GET", `/connections/${connection}/api/v1/namespaces/shop/pods`, { token });

/** What the API server's audit log has of an answer, by its Audit-ID. */
function witness({ headers }: Reply): Promise<AuditEntry> {
  const id = headers.get("audit-id");
  return until(async () =>
    (await readAuditLog(world.cluster.auditLogFile ?? "")).find(({ auditID }) => auditID === id),
  );
}

describe("sessions", () => {
  test("POST /session turns an ID token into a session token of at most 15 minutes, which can be renewed", async () => {
    const opened = await exchange(await idToken(world, "agent"), "id_token", { agent: "claude-code" });
    expect(opened.status).toBe(200);
    const { access_token, session_id, expires_in } = opened.json as Record<string, string | number>;
    expect(expires_in).toBeLessThanOrEqual(900);
    expect((await pods("local", String(access_token))).status).toBe(200);
    const renewed = await exchange(String(access_token), "access_token");
    expect(renewed.json).toMatchObject({ session_id });
  });

  test("a raw ID token is accepted too, and the API server sees the person", async () => {
    const answer = await pods("local", await idToken(world, "agent"));
    expect(answer.status).toBe(200);
    expect(await witness(answer)).toMatchObject({
      user: { username: GATEWAY_USER },
      impersonatedUser: { username: AGENT, uid: "agent" },
    });
  });

  test("a token for approving does not open the data path", async () => {
    expect((await pods("local", await adminToken(world, "agent"))).status).toBe(401);
  });

  test("an ended session's token is refused, and cannot be renewed", async () => {
    const id = await idToken({ issuer: world.issuer }, "bob");
    const { access_token } = (await exchange(id)).json as { access_token: string };
    expect((await pods("local", access_token)).status).toBe(200);
    expect((await call(world, "DELETE", "/session", { token: access_token })).status).toBe(204);
    expect((await pods("local", access_token)).status).toBe(401);
    expect((await exchange(access_token, "access_token")).status).toBe(401);
  });

  test("kubectl's session carries Claude Code's session id and the trace that it runs in", async () => {
    const env = {
      CLAUDE_CODE_SESSION_ID: "0f6c1a52-claude",
      TRACEPARENT: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    };
    expect((await world.agent.kubectl(["get", "pods", "-n", "shop"], { env }).finished).code).toBe(0);
    const session = await until(async () => {
      const { code, stdout } = await world.agent.sallyport(["sessions", "list", "--output", "json"]).finished;
      if (code !== 0) return undefined;
      const { items } = JSON.parse(stdout) as { items: { session_id: string; agent: string; requests: number }[] };
      return items.find(({ agent, requests }) => agent === "claude-code" && requests > 1);
    });
    const token = await idToken(world, "agent");
    const { text } = await call(world, "GET", `/v1alpha1/sessions/${session.session_id}/events`, { token });
    const [opened] = text.split("\n").map((line) => JSON.parse(line || "{}") as { kind?: string; payload?: string });
    expect(opened?.kind).toBe("session.opened");
    expect(JSON.parse(opened?.payload ?? "{}")).toMatchObject({
      labels: { claude_code_session_id: env.CLAUDE_CODE_SESSION_ID, traceparent: env.TRACEPARENT },
    });
  });
});

describe("two issuers", () => {
  let stranger: Person;

  test("the same login and group at another issuer is somebody else, with no rights of the first", async () => {
    stranger = await world.person("agent", { issuer: other, home: "other-agent" });
    const answer = await stranger.kubectl(["get", "pods", "-n", "shop"]).finished;
    expect(answer.code).toBe(1);
    expect(answer.stderr).toContain('User "other:agent@example.com" cannot list resource "pods"');
    const entries = await readAuditLog(world.cluster.auditLogFile ?? "");
    const seen = entries.find(({ impersonatedUser }) => impersonatedUser?.username === "other:agent@example.com");
    expect(seen?.impersonatedUser?.groups).toEqual(expect.arrayContaining(["other:agents", "other:devs"]));
    expect(seen?.impersonatedUser?.groups).not.toContain("dev:agents");
  });

  test("an approver's group at another issuer approves nothing, and learns of nothing", async () => {
    const running = world.kubectl(["create", "-f", "-"], hostPathPod("asked"));
    const held = await pending(world, "asked");
    const token = await adminToken({ issuer: other }, "alice");
    const answer = await call(world, "POST", `/v1alpha1/approvals/${held.name}/approve`, {
      token,
      body: { reason: "fine", seen: held.seen },
    });
    expect(answer.status).toBe(404);
    expect((await decide(world, held, "deny")).status).toBe(200);
    expect((await running).code).toBe(1);
  });
});

describe("the gateway's own credentials", () => {
  test("a tokenFile that was rotated is picked up with no restart", async () => {
    const token = await tokenOf(world.cluster, "second-gateway");
    const next = join(world.directory, "token.next");
    writeFileSync(next, token, { mode: 0o600 });
    renameSync(next, world.state.tokenFile);
    const id = await idToken(world, "agent");
    await until(async () => {
      const answer = await pods("local", id);
      expect(answer.status).toBe(200);
      return (await witness(answer)).user.username === "system:serviceaccount:sallyport:second-gateway";
    });
  });

  test("a kubeconfig's credential is used as it is where nobody is impersonated", async () => {
    const answer = await pods("kube", await idToken(world, "agent"));
    expect(answer.status).toBe(200);
    const entry = await witness(answer);
    expect(entry.user.username).toBe(READER_USER);
    expect(entry.impersonatedUser).toBeUndefined();
  });
});

describe("just-in-time tokens", () => {
  const secrets = async (): Promise<{ name: string; uid: string }[]> => {
    const { stdout } = await world.admin(["get", "secrets", "-n", SESSIONS, "-o", "json"]);
    return (JSON.parse(stdout) as { items: { metadata: { name: string; uid: string } }[] }).items.map(
      ({ metadata }) => metadata,
    );
  };

  test("are minted for each session, and dead within 10 s of its end, their Secret gone", async () => {
    const open = async (agent: string): Promise<string> => {
      const { json } = await exchange(await idToken(world, "agent"), "id_token", { agent });
      return (json as { access_token: string }).access_token;
    };
    const first = await open("one");
    const answer = await pods("jit", first);
    expect(answer.status).toBe(200);
    expect(await witness(answer)).toMatchObject({
      user: { username: SESSION_USER },
      impersonatedUser: { username: AGENT },
    });
    const [secret] = await secrets();
    expect(secret).toBeDefined();
    const second = await open("two");
    expect((await pods("jit", second)).status).toBe(200);
    expect(await secrets()).toHaveLength(2);

    // A token that hangs on the same Secret as the session's own, which nobody but the gateway has.
    const bound = ["--bound-object-kind=Secret", `--bound-object-name=${secret?.name}`];
    const token = await tokenOf(world.cluster, "session", "-n", SESSIONS, ...bound);
    const direct = async (): Promise<boolean> => {
      const flags = ["--server", world.cluster.server, "--certificate-authority", world.cluster.caFile];
      const who = ["auth", "whoami", "--token", token, ...flags];
      return (await world.agent.kubectl(who, { env: { KUBECONFIG: "/dev/null" } }).finished).code === 0;
    };
    expect(await direct()).toBe(true);
    expect((await call(world, "DELETE", "/session", { token: first })).status).toBe(204);
    expect((await pods("jit", first)).status).toBe(401);
    const ended = Date.now();
    for (;;) {
      const asked = Date.now();
      if (!(await direct())) break;
      expect(asked - ended).toBeLessThan(15_000);
    }
    expect((await secrets()).map(({ name }) => name)).not.toContain(secret?.name);
    expect((await pods("jit", second)).status).toBe(200);
  });
});

describe("scopes", () => {
  test("of a connection: what is allowed through one is denied through another", async () => {
    const reader = await world.person("agent", { env: { SALLYPORT_CONNECTION: "kube" }, home: "agent-kube" });
    expect((await reader.kubectl(["get", "pods", "-n", "shop"]).finished).code).toBe(0);
    const denied = await reader.kubectl(["create", "configmap", "a", "-n", "shop"]).finished;
    expect(denied.code).toBe(1);
    expect(denied.stderr).toContain("blocked by access/read-only");
    expect((await world.kubectl(["create", "configmap", "a", "-n", "shop"])).code).toBe(0);
  });

  test("of a namespace: a Secret is masked in one and denied in another", async () => {
    const open = await world.kubectl(["get", "secret", "s", "-n", "open", "-o", "yaml"]);
    expect(open.code).toBe(0);
    expect(open.stdout).not.toContain(Buffer.from("some-secret-value").toString("base64"));
    const locked = await world.kubectl(["get", "secret", "s", "-n", "locked"]);
    expect(locked.code).toBe(1);
    expect(locked.stderr).toContain("blocked by secrets/read");
  });

  test("of a group: what is held for most is denied to it", async () => {
    const bob = await world.person("bob", { issuer: other, home: "other-bob" });
    const denied = await bob.kubectl(["create", "-f", "-"], { input: hostPathPod("theirs") }).finished;
    expect(denied.code).toBe(1);
    expect(denied.stderr).toContain("blocked by workload/host-path");
  });
});

describe("the agent never sees a credential", () => {
  test("neither in what kubectl -v=9 shows, nor in its home", async () => {
    const args = ["get", "pods", "-n", "shop", "-v=9"];
    const jit = await world.person("agent", { env: { SALLYPORT_CONNECTION: "jit" }, home: "agent-jit" });
    for (const person of [world.agent, jit]) {
      const { stdout, stderr, code } = await person.kubectl(args).finished;
      expect(code).toBe(0);
      expect(stderr).toContain("Audit-Id");
      for (const secret of credentials) expect(stdout + stderr).not.toContain(secret.split(".")[2]);
      expect(stdout + stderr).not.toContain(SESSION_USER);
      for (const file of filesBelow(person.home)) {
        for (const secret of credentials)
          expect(readFileSync(file, "latin1"), file).not.toContain(secret.split(".")[2]);
      }
    }
  });

  test("nor does any of them stand in an event, or anywhere else in what the gateway keeps", async () => {
    const events = await world.closeAndRead();
    expect(events.length).toBeGreaterThan(50);
    const text = JSON.stringify(events);
    for (const secret of credentials) expect(text).not.toContain(secret.split(".")[2]);
    const kept = ["spool", "policy-exceptions.git"].flatMap((name) => filesBelow(join(world.directory, name)));
    expect(kept.length).toBeGreaterThan(5);
    for (const file of kept) {
      for (const secret of credentials) expect(readFileSync(file, "latin1"), file).not.toContain(secret.split(".")[2]);
    }
  });
});

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
