import { renameSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { about, decide, listed, pending } from "./approvals.ts";
import { causesOf, kube, open, type Reply, send, spooled, until } from "./client.ts";
import { type Cluster, realWrites, serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { dial, EXEC, switchProtocols, V5 } from "./tunnel-client.ts";

let rig: Rig;
let other: Rig;
let cluster: Cluster;
let alice: string;
let bob: string;
let agent: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 60 } },
      rules: { "secrets/write": { absolute: true } },
    },
    change: (config) => {
      config.roles = { ...(config.roles as object), breakGlass: ["user:dev:bob@example.com", "group:dev:agents"] };
      config.limits = { holdsPerSession: 1000, holdsPerIdentity: 1000 };
    },
    replica: { pushes: false },
  });
  if (rig.replica === undefined) throw new Error("there is no second gateway");
  other = rig.replica;
});
afterAll(() => rig.close());
beforeEach(async () => {
  [agent, alice, bob] = await Promise.all([rig.token("agent"), rig.token("alice", "admin"), rig.token("bob", "admin")]);
  cluster = serveObjects(rig.upstream);
  rig.upstream.seen.splice(0);
});

const PODS = "/api/v1/namespaces/shop/pods";
let n = 0;
const hostPathPod = (name = `held-${++n}`) => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name },
  spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: "v", hostPath: { path: "/etc" } }] },
});
const create = (pod: object, at = rig): Promise<Reply> => kube(at, "POST", PODS, { token: agent, body: pod });
const post = (path: string, token: string, body: object, at = rig): Promise<Reply> =>
  send(at, "POST", path, { token, body });

describe("two gateways on one repository", () => {
  test("hold one request as one proposal, and what one approves goes on at the other, once", async () => {
    const pod = hostPathPod();
    const replies = [create(pod), create(pod, other)];
    const proposal = await pending(rig, alice, pod.metadata.name);
    await until(() => [rig, other].every((at) => spooled(at).some(({ approval_id }) => approval_id === proposal.name)));
    await decide(rig, alice, proposal);
    const statuses = (await Promise.all(replies)).map(({ status }) => status).sort();
    expect(statuses[0]).toBe(201);
    expect([403, 409]).toContain(statuses[1]);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("end what stands on an approval that one of them took back", async () => {
    cluster.objects.set("/api/v1/namespaces/shop/pods/web", {
      kind: "Pod",
      metadata: { name: "web", uid: "u", labels: {} },
      spec: {},
    });
    switchProtocols(rig);
    const waiting = dial(other, `GET ${EXEC}`, [`Authorization: Bearer ${agent}`, ...V5]);
    const proposal = await pending(rig, alice, "web");
    await decide(rig, alice, proposal);
    const client = await waiting;
    rig.upstream.upgrade = undefined;
    expect(client.status).toBe(101);
    const answer = await post(`/v1alpha1/approvals/${proposal.name}/revoke`, alice, { reason: "not any more" });
    expect([answer.status, answer.json?.state]).toEqual([200, "revoked"]);
    await until(() => client.closed);
    const row = await until(() => spooled(other).find(({ kind }) => kind === "stream.closed"));
    expect(JSON.parse(row.payload).reason).toBe("its approval was revoked");
    // The same again is another question.
    const gone = new AbortController();
    dial(rig, `GET ${EXEC}`, [`Authorization: Bearer ${agent}`, ...V5], "", gone.signal).catch(() => undefined);
    expect((await pending(rig, alice, "web")).name).not.toBe(proposal.name);
    gone.abort();
  });

  test("end a session that was killed at one of them, with its streams, for good", async () => {
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.write('{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{}}}\n');
    };
    // Tokens of one second are one session: this one must be of this test alone.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const known = spooled(other).map(({ session_id }) => session_id);
    const token = await rig.token("agent");
    const { body } = await open(other, "GET", `/connections/local${PODS}?watch=1`, { token });
    const ended = body.text().then(
      () => "ended",
      () => "cut",
    );
    const id = await until(
      () => spooled(other).find((row) => row.kind === "session.opened" && !known.includes(row.session_id))?.session_id,
    );
    expect((await post(`/v1alpha1/sessions/${id}/kill`, alice, { reason: "it went astray" })).status).toBe(200);
    expect(await ended).toBe("cut");
    serveObjects(rig.upstream);
    await other.restart();
    for (const at of [rig, other]) expect((await kube(at, "GET", PODS, { token })).status).toBe(401);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  });

  test("put on record at their start what became of an approval while they were down", async () => {
    const pod = hostPathPod();
    const reply = create(pod, other);
    const proposal = await pending(other, alice, pod.metadata.name);
    await rig.gateway.close();
    await decide(other, alice, proposal);
    expect((await reply).status).toBe(201);
    await rig.restart();
    await until(() =>
      spooled(rig).some(({ kind, approval_id }) => kind === "approval.approved" && approval_id === proposal.name),
    );
  });
});

describe("break-glass", () => {
  const breakGlass = async (): Promise<string> => {
    const pod = hostPathPod();
    const reply = create(pod);
    const { name } = await pending(rig, alice, pod.metadata.name);
    const answer = await post(`/v1alpha1/approvals/${name}/break-glass`, bob, { reason: "the nodes are on fire" });
    expect(answer.status).toBe(200);
    expect((await reply).status).toBe(201);
    return name;
  };

  test.each([
    ["approve", "accepted"],
    ["deny", "rejected"],
  ] as const)("is reviewed by %s of a second person: %s", async (verb, verdict) => {
    const name = await breakGlass();
    const [approval] = (await listed(rig, alice)).filter((one) => one.name === name);
    if (approval === undefined) throw new Error("it is gone");
    // Who broke it has no second opinion.
    expect((await decide(rig, bob, approval, verb)).status).toBe(403);
    expect((await decide(rig, alice, approval, verb)).status).toBe(200);
    const row = await until(() =>
      spooled(rig).find(({ kind, approval_id }) => kind === "break_glass.reviewed" && approval_id === name),
    );
    expect(JSON.parse(row.payload)).toMatchObject({ approvers: ["dev:alice@example.com"], verdict });
    expect(row.break_glass).toBe(true);
  });

  test("lifts no absolute finding", async () => {
    const gone = new AbortController();
    const body = { kind: "Secret", apiVersion: "v1", metadata: { name: "s" }, data: {} };
    const reply = kube(rig, "POST", "/api/v1/namespaces/shop/secrets", { token: agent, body, signal: gone.signal });
    reply.catch(() => undefined);
    const { name } = await pending(rig, alice, "s");
    const answer = await post(`/v1alpha1/approvals/${name}/break-glass`, bob, { reason: "now" });
    expect(answer.status).toBe(403);
    gone.abort();
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("is not for an agent, though its groups have the role", async () => {
    const gone = new AbortController();
    const pod = hostPathPod();
    const reply = kube(rig, "POST", PODS, { token: agent, body: pod, signal: gone.signal }).catch(() => undefined);
    const { name } = await pending(rig, alice, pod.metadata.name);
    const own = await rig.token("agent", "admin");
    const answer = await post(`/v1alpha1/approvals/${name}/break-glass`, own, { reason: "now" });
    expect([answer.status, String(answer.json?.detail)]).toEqual([
      403,
      expect.stringContaining("agents break no glass"),
    ]);
    gone.abort();
    await reply;
  });
});

describe("a repository that is gone", () => {
  test("answers a held request with 403, and lets nothing through", async () => {
    const path = join(rig.directory, "policy-exceptions.git");
    renameSync(path, `${path}.away`);
    const pod = hostPathPod();
    const reply = await create(pod);
    renameSync(`${path}.away`, path);
    expect(reply.status).toBe(403);
    expect(String(reply.json?.message)).toContain("the approvals repository");
    expect(causesOf(reply)).toEqual(["workload/host-path"]);
    expect(realWrites(rig.upstream)).toEqual([]);
    expect(await about(rig, alice, pod.metadata.name)).toEqual([]);
  });
});

describe("a thousand", () => {
  const many = process.env.SALLYPORT_TEST_ALL === "1" ? 1_000 : 100;

  test("identical requests at once are one proposal, and one of them is forwarded", async () => {
    const pod = hostPathPod();
    const replies = Array.from({ length: many }, () => create(pod));
    const proposal = await pending(rig, alice, pod.metadata.name);
    await until(() => spooled(rig).filter(({ approval_id }) => approval_id === proposal.name).length >= many);
    await decide(rig, alice, proposal);
    const statuses = (await Promise.all(replies)).map(({ status }) => status);
    expect(statuses.filter((status) => status !== 403 && status !== 409)).toEqual([201]);
    expect(await about(rig, alice, pod.metadata.name)).toHaveLength(1);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  }, 60_000);
});
