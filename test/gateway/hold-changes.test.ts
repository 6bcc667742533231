import { readFileSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { about, decide, pending } from "./approvals.ts";
import { kube, type Reply, send } from "./client.ts";
import { type Cluster, realWrites, serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { swapGuardrails } from "./swap-guardrails.ts";

let rig: Rig;
let cluster: Cluster;
let alice: string;
let agent: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      scopes: [
        // What nobody answers here ends at once, and where two holds follow each other, after five seconds.
        { name: "brief", match: { namespaces: ["brief"] }, approval: { holdSeconds: 0 } },
        { name: "twice", match: { namespaces: ["twice"] }, approval: { holdSeconds: 5 } },
      ],
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 60 } },
    },
  });
  alice = await rig.token("alice", "admin");
});
afterAll(() => rig.close());
beforeEach(async () => {
  agent = await rig.token("agent");
  cluster = serveObjects(rig.upstream);
  rig.upstream.seen.splice(0);
});

const base64 = (text: string): string => Buffer.from(text).toString("base64");
let n = 0;

function store(password: string, namespace = "shop"): { name: string; path: string } {
  const name = `db-${++n}`;
  const path = `/api/v1/namespaces/${namespace}/secrets/${name}`;
  const stored = { namespace, uid: `u-${name}`, resourceVersion: String(1000 + ++n) };
  cluster.objects.set(path, secret(name, password, stored));
  return { name, path };
}

function secret(name: string, password: string, more: object = {}) {
  const metadata = { name, ...more };
  return { kind: "Secret", apiVersion: "v1", metadata, data: { password: base64(password) } };
}

function put(path: string, body: ReturnType<typeof secret>): Promise<Reply> {
  const namespace = path.split("/")[4];
  return kube(rig, "PUT", path, { token: agent, body: { ...body, metadata: { ...body.metadata, namespace } } });
}

describe("an approval lifts what was shown, and nothing else", () => {
  test("an object that changes while its change is held opens a new hold that names the former", async () => {
    const { name, path } = store("first-value", "twice");
    const reply = put(path, secret(name, "third-value"));
    const proposal = await pending(rig, alice, name);
    const changed = { namespace: "twice", uid: `u-${name}`, resourceVersion: "2000" };
    cluster.objects.set(path, secret(name, "second-value", changed));
    await decide(rig, alice, proposal);
    const { status, json } = await reply;
    expect(status).toBe(403);
    expect(String(json?.message)).toContain(`no longer the one that was approved as ${proposal.name}`);
    const next = await pending(rig, alice, name);
    expect(next.supersedes).toBe(proposal.name);
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("a 409 on our own precondition is judged again, and the approval is spent once", async () => {
    const { name, path } = store("first-value");
    let refused = 0;
    cluster.onWrite = () => (refused++ === 0 ? 409 : undefined);
    const reply = put(path, secret(name, "next-value"));
    await decide(rig, alice, await pending(rig, alice, name));
    expect((await reply).status).toBe(200);
    const [proposal, ...more] = await about(rig, alice, name);
    expect(more).toEqual([]);
    expect(proposal).toMatchObject({ state: "consumed" });
    expect(proposal?.uses).toHaveLength(1);
    const ids = realWrites(rig.upstream).map(({ headers }) => headers["audit-id"]);
    expect(new Set(ids).size).toBe(2);
  });

  test("what is forwarded is bound to the version that was judged", async () => {
    const { name, path } = store("first-value");
    const version = cluster.objects.get(path)?.metadata.resourceVersion;
    const reply = put(path, secret(name, "next-value"));
    await decide(rig, alice, await pending(rig, alice, name));
    expect((await reply).status).toBe(200);
    expect(JSON.parse(realWrites(rig.upstream)[0]?.body ?? "")).toMatchObject({
      metadata: { resourceVersion: version },
    });
  });

  test("an end that nobody can be sure of spends the approval: the same request asks anew", async () => {
    const { name, path } = store("first-value");
    const answer = rig.upstream.answer;
    rig.upstream.answer = (seen, res) => {
      if (seen.method === "PUT" && !seen.url.includes("dryRun")) res.socket?.destroy();
      else answer(seen, res);
    };
    const reply = put(path, secret(name, "next-value"));
    await decide(rig, alice, await pending(rig, alice, name));
    expect((await reply).status).toBe(502);
    expect(realWrites(rig.upstream)).toHaveLength(1);
    rig.upstream.answer = answer;
    const again = put(path, secret(name, "next-value"));
    const asked = await pending(rig, alice, name);
    expect(realWrites(rig.upstream)).toHaveLength(1);
    expect((await about(rig, alice, name)).map(({ state }) => state).sort()).toEqual(["consumed", "pending"]);
    await decide(rig, alice, asked, "deny");
    expect((await again).status).toBe(403);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("Teleport 51652: a session that ends while its request is held gets no use of the approval", async () => {
    const { json } = await send(rig, "POST", "/session", {
      body: {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        // Not agent's: ending it bars every ID token of the same second.
        subject_token: await rig.token("bob"),
        subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
      },
    });
    const token = String(json?.access_token);
    const { name, path } = store("first-value");
    const reply = kube(rig, "PUT", path, { token, body: secret(name, "next-value", { namespace: "shop" }) });
    const proposal = await pending(rig, alice, name);
    expect((await send(rig, "DELETE", "/session", { token })).status).toBe(204);
    await decide(rig, alice, proposal);
    expect((await reply).status).toBe(401);
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("a policy that denies by now denies what was approved before", async () => {
    const before = readFileSync(rig.guardrailsFile, "utf8");
    const { name, path } = store("first-value");
    const reply = put(path, secret(name, "next-value"));
    const proposal = await pending(rig, alice, name);
    await swapGuardrails(rig, `${before}\nrules: {secrets/write: {effect: deny}}\n`);
    await decide(rig, alice, proposal);
    expect((await reply).json?.message).toMatch(/blocked by secrets\/write/);
    expect(realWrites(rig.upstream)).toEqual([]);
    await swapGuardrails(rig, before);
  });
});

describe("an approval whose terms became stricter since", () => {
  test.each([
    ["more approvers", { approvers: ["group:dev:sre"], required: 2 }],
    ["other people", { approvers: ["group:dev:audit"], required: 1 }],
  ])("lifts nothing where %s are asked for now: a new hold asks them", async (_title, terms) => {
    const before = readFileSync(rig.guardrailsFile, "utf8");
    const { name, path } = store("first-value", "brief");
    expect((await put(path, secret(name, "next-value"))).status).toBe(403);
    const proposal = await pending(rig, alice, name);
    await decide(rig, alice, proposal);
    await swapGuardrails(
      rig,
      before.replace(/defaults:[\s\S]*/, `defaults: ${JSON.stringify({ approval: { ...terms, holdSeconds: 60 } })}\n`),
    );
    const { status, json } = await put(path, secret(name, "next-value"));
    expect([status, json?.message]).toEqual([403, expect.stringContaining(`was approved as ${proposal.name}`)]);
    expect(await pending(rig, alice, name)).toMatchObject({ supersedes: proposal.name });
    expect(realWrites(rig.upstream)).toEqual([]);
    await swapGuardrails(rig, before);
  });
});

describe("dry-run delete [M]", () => {
  test("a delete with dryRun in its query and a body without is held as the real one that it is", async () => {
    const { name, path } = store("first-value");
    const body = { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Background" };
    const reply = kube(rig, "DELETE", `${path}?dryRun=All`, { token: agent, body });
    await decide(rig, alice, await pending(rig, alice, name));
    expect((await reply).status).toBe(200);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("a delete is never dry-run by the gateway's own evaluation", async () => {
    const { path } = store("first-value", "brief");
    const body = { kind: "DeleteOptions", apiVersion: "v1" };
    for (const call of [{ body }, {}]) {
      expect((await kube(rig, "DELETE", path, { token: agent, ...call })).status).toBe(403);
    }
    expect(rig.upstream.seen.filter(({ method }) => method === "DELETE")).toEqual([]);
  });

  test.each([
    ["in its body", "", { kind: "DeleteOptions", apiVersion: "v1", dryRun: ["All"] }],
    ["in its query, without a body", "?dryRun=All", undefined],
  ])(
    "a client's dry run %s is recognised as the server does, and passes with a Warning",
    async (_title, query, body) => {
      const { path } = store("first-value");
      const reply = await kube(rig, "DELETE", path + query, { token: agent, ...(body === undefined ? {} : { body }) });
      expect(reply.status).toBe(200);
      expect(reply.headers.warning).toMatch(/without --dry-run this would be held/);
      expect(reply.text).not.toContain(base64("first-value"));
      expect(realWrites(rig.upstream)).toEqual([]);
    },
  );
});
