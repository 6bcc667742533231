import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Agent } from "undici";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import type { KubernetesConnectionConfig } from "../../base/config/gateway.ts";
import { createLog } from "../../base/log.ts";
import { isUuid } from "../../base/uuid7.ts";
import { manifests, type Rule, type Wish } from "../../cli/connection/manifests.ts";
import { openCredential, type UpstreamCredential } from "../../proxy/credentials/credential.ts";
import { impersonationHeaders } from "../../proxy/credentials/impersonation.ts";
import type { CallReport } from "../../proxy/credentials/own-calls.ts";
import { type ControlPlane, startControlPlane } from "../../tools/control-plane/start.ts";

const run = promisify(execFile);
let folder = "";
let plane: ControlPlane;
let agent: Agent;

const kubectl = async (args: string[], input = ""): Promise<string> => {
  const child = run(plane.kubectl, ["--kubeconfig", plane.adminKubeconfig, ...args]);
  child.child.stdin?.end(input);
  return (await child).stdout;
};

const wish = (name: string): Wish => ({
  name,
  server: plane.server,
  namespace: name,
  serviceAccount: "gateway",
  impersonate: true,
  users: [],
  groups: [],
  extraKeys: ["scopes", "example.com/a%b"],
  tokenRequest: { namespace: `${name}-agents`, serviceAccount: "session", seconds: 600 },
});

/** The service accounts and RBAC of `connection add`; `keep` leaves rules out. */
async function grant(name: string, keep: (rule: Rule) => boolean = () => true): Promise<KubernetesConnectionConfig> {
  const list = manifests(wish(name)).map((m) =>
    "rules" in m ? { ...m, metadata: { ...(m.metadata as object) }, rules: (m.rules as Rule[]).filter(keep) } : m,
  );
  await kubectl(["apply", "-f", "-"], list.map((m) => stringify(m)).join("---\n"));
  const tokenFile = join(folder, name);
  writeFileSync(tokenFile, await kubectl(["create", "token", "gateway", "-n", name]));
  const tokenRequest = { namespace: `${name}-agents`, serviceAccount: "session", seconds: 600 };
  return {
    name,
    kind: "kubernetes",
    labels: {},
    impersonate: true,
    server: plane.server,
    caFile: plane.caFile,
    credential: { tokenRequest, via: { tokenFile } },
  };
}

const open: UpstreamCredential[] = [];
function start(config: KubernetesConnectionConfig, clock?: { now(): number }) {
  const calls: CallReport[] = [];
  const logged: string[] = [];
  const log = createLog((line) => logged.push(line), "debug");
  const credential = openCredential(config, {
    log,
    onCall: (call) => calls.push(call),
    ...(clock === undefined ? {} : { clock }),
  });
  open.push(credential);
  return { credential, calls, logged };
}

async function whoAmI(authorization: string | undefined, headers: [string, string][] = []) {
  const response = await agent.request({
    origin: plane.server,
    path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    method: "POST",
    headers: ["authorization", authorization ?? "", "content-type", "application/json", ...headers.flat()],
    body: JSON.stringify({ apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" }),
  });
  const json = (await response.body.json()) as { status?: { userInfo?: Record<string, unknown> }; message?: string };
  return { status: response.statusCode, user: json.status?.userInfo, message: json.message };
}

const claims = (header: string | undefined) =>
  JSON.parse(Buffer.from(header?.split(".")[1] ?? "", "base64url").toString("utf8"));
const secrets = async (namespace: string) =>
  (await kubectl(["get", "secrets", "-n", namespace, "-o", "name"])).split("\n").filter(Boolean);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sallyport-credentials-"));
  plane = await startControlPlane();
  agent = new Agent({ allowH2: false, connect: { ca: readFileSync(plane.caFile, "utf8") } });
}, 90_000);
afterEach(async () => {
  for (const credential of open.splice(0)) await credential.close();
});
afterAll(async () => {
  await agent?.close();
  await plane?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("the API server reads an impersonated identity as the gateway wrote it", () => {
  test("user, uid, groups with a comma, UTF-8, and extra keys", async () => {
    const { credential } = start(await grant("impersonated"));
    const header = await credential.authorization({ id: "s1" });
    const identity = {
      username: "corp:zoë@example.com",
      uid: "u-1",
      groups: ["corp:dev,system:masters", "corp:größe"],
      extra: { scopes: ["a", "ü"], "Example.com/a%b": ["c d"] },
    };
    const { status, user } = await whoAmI(header, impersonationHeaders(identity));
    expect([status, user]).toEqual([
      201,
      {
        username: "corp:zoë@example.com",
        uid: "u-1",
        groups: ["corp:dev,system:masters", "corp:größe", "system:authenticated"],
        extra: { scopes: ["a", "ü"], "example.com/a%b": ["c d"] },
      },
    ]);
  });
});

describe("a session's token", () => {
  test("is minted once for concurrent requests, bound to a Secret of the session, for ten minutes", async () => {
    const { credential, calls } = start(await grant("minted"));
    const headers = await Promise.all([1, 2, 3].map(() => credential.authorization({ id: "s1" })));
    expect(new Set(headers).size).toBe(1);
    const { exp, iat, "kubernetes.io": bound } = claims(headers[0]);
    expect(exp - iat).toBe(600);
    expect(bound).toMatchObject({
      namespace: "minted-agents",
      serviceaccount: { name: "session" },
      secret: { name: expect.stringMatching(/^sallyport-/) },
    });
    const sessions = calls.filter(({ sessionId }) => sessionId !== undefined);
    expect(sessions.map(({ verb, path, status, sessionId }) => [verb, path, status, sessionId])).toEqual([
      ["create", "/api/v1/namespaces/minted-agents/secrets", 201, "s1"],
      ["create", "/api/v1/namespaces/minted-agents/serviceaccounts/session/token", 201, "s1"],
    ]);
    expect(credential.authorization({ id: "s1" }), "cached: at once").toBe(headers[0]);
  });

  test("differs from another session's, and both from the gateway's own", async () => {
    const { credential } = start(await grant("two"));
    const all = [
      await credential.authorization({ id: "s1" }),
      await credential.authorization({ id: "s2" }),
      await credential.authorization(),
    ];
    expect(new Set(all).size).toBe(3);
    expect((await whoAmI(all[0])).user).toMatchObject({ username: "system:serviceaccount:two-agents:session" });
    expect((await whoAmI(all[2])).user).toMatchObject({ username: "system:serviceaccount:two:gateway" });
  });

  test("is dead within ten seconds of the session's end, and another session's lives", async () => {
    const { credential } = start(await grant("ended"));
    const header = await credential.authorization({ id: "s1" });
    const other = await credential.authorization({ id: "s2" });
    expect((await whoAmI(header)).status).toBe(201);
    await credential.endSession("s1");
    const ended = Date.now();
    for (;;) {
      const asked = Date.now();
      if ((await whoAmI(header)).status === 401) break;
      expect(asked - ended).toBeLessThan(11_000);
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    expect((await whoAmI(other)).status).toBe(201);
    expect(await secrets("ended-agents")).toHaveLength(1);
    expect(() => credential.authorization({ id: "s1" })).toThrow(expect.objectContaining({ code: "session-ended" }));
  });

  test("that is being minted when its session ends leaves no Secret", async () => {
    const { credential } = start(await grant("racing"));
    const minting = Promise.resolve(credential.authorization({ id: "s1" }));
    await credential.endSession("s1");
    await minting.catch(() => {});
    expect(await secrets("racing-agents")).toEqual([]);
  });

  test("is renewed in the background from 80 % of its life, with the old one handed out meanwhile", async () => {
    let now = Date.now();
    const { credential, calls } = start(await grant("renewed"), { now: () => now });
    const minted = () => calls.filter(({ path }) => path.endsWith("/token"));
    const first = await credential.authorization({ id: "s1" });
    now += 479_000;
    expect(credential.authorization({ id: "s1" })).toBe(first);
    expect(minted()).toHaveLength(1);
    now += 2000;
    expect(credential.authorization({ id: "s1" })).toBe(first);
    await expect.poll(() => minted().length).toBe(2);
    await expect.poll(() => credential.authorization({ id: "s1" })).not.toBe(first);
  });

  test("that is about to expire is not handed out", async () => {
    let now = Date.now();
    const { credential } = start(await grant("expiring"), { now: () => now });
    const first = await credential.authorization({ id: "s1" });
    now += 591_000;
    expect(await credential.authorization({ id: "s1" })).not.toBe(first);
  });

  test("that was answered 401 is minted anew, on a new Secret, once for all requests that carried it", async () => {
    let now = Date.now();
    const { credential } = start(await grant("refused"), { now: () => now });
    const first = await credential.authorization({ id: "s1" });
    now += 1000;
    credential.invalidate({ id: "s1" });
    const second = await credential.authorization({ id: "s1" });
    expect(claims(second)["kubernetes.io"].secret.uid).not.toBe(claims(first)["kubernetes.io"].secret.uid);
    expect((await whoAmI(second)).status).toBe(201);
    credential.invalidate({ id: "s1" });
    expect(credential.authorization({ id: "s1" })).toBe(second);
    await expect.poll(() => secrets("refused-agents")).toHaveLength(1);
  });

  test("sweeps, once, the Secrets of sessions that are too old to live, and no others", async () => {
    const config = await grant("swept");
    const old = (name: string, labels: Record<string, string>) => ({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name, namespace: "swept-agents", labels },
    });
    const managed = { "app.kubernetes.io/managed-by": "sallyport" };
    const daysAgo = (n: number) => new Date(Date.now() - n * 86_400_000).toISOString().slice(0, 10);
    const before = [
      old("left-behind", { ...managed, "sallyport.dev/opened": daysAgo(9) }),
      old("of-a-replica", { ...managed, "sallyport.dev/opened": daysAgo(6) }),
      old("undated", managed),
      old("somebody-elses", { "sallyport.dev/opened": daysAgo(9) }),
    ];
    await kubectl(["apply", "-f", "-"], before.map((m) => stringify(m)).join("---\n"));
    const { credential, calls } = start(config);
    await Promise.all([credential.authorization({ id: "s1" }), credential.authorization({ id: "s2" })]);
    await expect
      .poll(() => calls.filter(({ verb }) => verb === "deletecollection").map(({ status }) => status))
      .toEqual([200]);
    const left = await secrets("swept-agents");
    expect(left.filter((name) => !name.startsWith("secret/sallyport-"))).toEqual([
      "secret/of-a-replica",
      "secret/somebody-elses",
      "secret/undated",
    ]);
  });

  test("is unbound where Secrets may not be created, which is said", async () => {
    const config = await grant("unbound", (rule) => !rule.resources.includes("secrets"));
    const { credential, logged } = start(config);
    const header = await credential.authorization({ id: "s1" });
    expect((await whoAmI(header)).status).toBe(201);
    expect(claims(header)["kubernetes.io"].secret).toBeUndefined();
    expect(credential.describe()).toContain("not bound to a Secret");
    expect(logged.filter((line) => line.includes("not bound to a Secret"))).toHaveLength(1);
  });

  test("is refused as credential-unavailable where the gateway may not mint it, asking once a second", async () => {
    const config = await grant("denied", (rule) => !rule.resources.includes("serviceaccounts/token"));
    const { credential, calls } = start(config);
    await expect(credential.authorization({ id: "s1" })).rejects.toMatchObject({
      code: "credential-unavailable",
      status: 502,
    });
    expect(() => credential.authorization({ id: "s1" })).toThrow(
      expect.objectContaining({ code: "credential-unavailable" }),
    );
    expect(calls.filter(({ path }) => path.endsWith("/token"))).toHaveLength(1);
  });

  test("goes with the gateway: closing deletes every session's Secret", async () => {
    const { credential } = start(await grant("closing"));
    await Promise.all([credential.authorization({ id: "s1" }), credential.authorization({ id: "s2" })]);
    expect(await secrets("closing-agents")).toHaveLength(2);
    await credential.close();
    expect(await secrets("closing-agents")).toEqual([]);
    expect(() => credential.authorization({ id: "s3" })).toThrow(expect.objectContaining({ code: "draining" }));
  });
});

test("each call of the gateway's own is in the API server's audit log under the id that was reported", async () => {
  const { credential, calls } = start(await grant("audited"));
  await credential.authorization({ id: "s1" });
  await credential.endSession("s1");
  await expect
    .poll(() => calls.map(({ verb }) => verb).sort())
    .toEqual(["create", "create", "delete", "deletecollection"]);
  expect(calls.every(({ exchangeId }) => isUuid(exchangeId))).toBe(true);
  const logged = () => {
    const lines = readFileSync(plane.auditLogFile, "utf8").split("\n").filter(Boolean);
    const entries = lines.map(
      (line) => JSON.parse(line) as { auditID: string; verb: string; requestURI: string; stage: string },
    );
    return calls
      .map((call) => entries.find((e) => e.auditID === call.exchangeId && e.stage === "ResponseComplete"))
      .map((e) => [e?.verb, e?.requestURI.split("?")[0]]);
  };
  await expect.poll(logged).toEqual(calls.map(({ verb, path }) => [verb, path]));
});

test("no token is in a log, a report, a description or an error", async () => {
  const config = await grant("silent");
  let now = Date.now();
  const { credential, calls, logged } = start(config, { now: () => now });
  const header = (await credential.authorization({ id: "s1" })) ?? "";
  const own = credential.own.authorization() as string;
  await kubectl(["delete", "serviceaccount", "session", "-n", "silent-agents"]);
  now += 1000;
  credential.invalidate({ id: "s1" });
  const error = await Promise.resolve(credential.authorization({ id: "s1" })).catch((e: unknown) => e);
  const said = [
    logged.join(""),
    JSON.stringify(calls),
    credential.describe(),
    JSON.stringify(error),
    String((error as Error).cause),
  ].join("\n");
  expect(error).toMatchObject({ code: "credential-unavailable" });
  for (const secret of [header, own]) {
    expect(secret.length).toBeGreaterThan(100);
    expect(said).not.toContain(secret.slice(-40));
  }
});

test("an API server that does not answer is a refusal after five seconds, not a wait", async () => {
  const config = await grant("slow");
  const { credential, calls } = start({ ...config, server: "https://127.0.0.1:1" });
  await expect(credential.authorization({ id: "s1" })).rejects.toMatchObject({ code: "credential-unavailable" });
  expect(calls).toMatchObject([{ status: 0 }]);
});
