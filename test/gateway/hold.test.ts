import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { about, decide, pending, waitedMs } from "./approvals.ts";
import { causesOf, kube, type Reply, spooled, until } from "./client.ts";
import { type Cluster, realWrites, serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let cluster: Cluster;
let alice: string;
let agent: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      // Long, so that whoever decides here is in time however slow the machine is; what nobody answers is in `brief`.
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 60 } },
      scopes: [{ name: "brief", match: { namespaces: ["brief"] }, approval: { holdSeconds: 1 } }],
    },
  });
  alice = await rig.token("alice", "admin");
});
afterAll(() => rig.close());
beforeEach(async () => {
  // A session of its own: one test's holds must not eat the next one's budget.
  agent = await rig.token("agent");
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
const create = (pod: object, call: { signal?: AbortSignal } = {}, query = ""): Promise<Reply> =>
  kube(rig, "POST", PODS + query, { token: agent, body: pod, ...call });
/** Creates it where a hold ends after a second. */
const createBriefly = (pod: object): Promise<Reply> =>
  kube(rig, "POST", PODS.replace("/shop/", "/brief/"), { token: agent, body: pod });

describe("a hold", () => {
  test("goes through by itself when it is approved, and the upstream sees one real write", async () => {
    const pod = hostPathPod();
    const reply = create(pod);
    expect((await decide(rig, alice, await pending(rig, alice, pod.metadata.name))).status).toBe(200);
    expect((await reply).status).toBe(201);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("that nobody answers ends with 403, the approval's URL and a Warning", async () => {
    const pod = hostPathPod();
    const { status, json, headers } = await createBriefly(pod);
    const { name } = await pending(rig, alice, pod.metadata.name);
    expect(status).toBe(403);
    expect(String(json?.message)).toContain(`${rig.gateway.url}/approvals/${name}`);
    expect(headers.warning).toBe(`299 - "Approval: ${rig.gateway.url}/approvals/${name}"`);
    expect(headers["retry-after"]).toBeUndefined();
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("that timed out is refused at once when it is asked again, and goes through once after it was approved", async () => {
    const pod = hostPathPod();
    expect((await createBriefly(pod)).status).toBe(403);
    const proposal = await pending(rig, alice, pod.metadata.name);
    const second = await createBriefly(pod);
    expect(second.status).toBe(403);
    expect(await waitedMs(rig, String(second.headers["audit-id"]))).toBeLessThan(1_000);
    await decide(rig, alice, proposal);
    expect((await createBriefly(pod)).status).toBe(201);
    cluster.objects.clear();
    const again = await createBriefly(pod);
    expect(again.status).toBe(403);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("that is denied answers 403 with the reason, and again at once within ten minutes", async () => {
    const pod = hostPathPod();
    const first = create(pod);
    await decide(rig, alice, await pending(rig, alice, pod.metadata.name), "deny", "not on my nodes");
    for (const reply of [await first, await create(pod)]) {
      expect(reply.status).toBe(403);
      expect(String(reply.json?.message)).toContain("not on my nodes");
    }
    expect(await about(rig, alice, pod.metadata.name)).toHaveLength(1);
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("of a client's own dry run is none: it passes with a Warning", async () => {
    const pod = hostPathPod();
    const { status, headers } = await create(pod, {}, "?dryRun=All");
    expect(status).toBe(201);
    expect(headers.warning).toMatch(/without --dry-run this would be held for approval \(workload\/host-path\)/);
    expect(realWrites(rig.upstream)).toEqual([]);
    expect(await about(rig, alice, pod.metadata.name)).toEqual([]);
  });

  test("goes on without its client, and the same request attaches to it again", async () => {
    const pod = hostPathPod();
    const gone = new AbortController();
    const first = create(pod, { signal: gone.signal }).catch(() => undefined);
    const proposal = await pending(rig, alice, pod.metadata.name);
    gone.abort();
    await first;
    const second = create(pod);
    await until(() => spooled(rig).some((row) => row.kind === "hold.reattached" && row.approval_id === proposal.name));
    await decide(rig, alice, proposal);
    expect((await second).status).toBe(201);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("is nothing that who asked can end: nobody approves for an identity of their own", async () => {
    const pod = hostPathPod();
    const reply = createBriefly(pod);
    const proposal = await pending(rig, alice, pod.metadata.name);
    const bob = await rig.token("bob", "admin");
    expect((await decide(rig, bob, proposal)).status).toBeGreaterThanOrEqual(403);
    expect((await decide(rig, agent, proposal)).status).toBeGreaterThanOrEqual(401);
    expect((await reply).status).toBe(403);
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("of 20 identical requests at once is one proposal, and one of them is forwarded", async () => {
    const pod = hostPathPod();
    const replies = Array.from({ length: 20 }, () => create(pod));
    const proposal = await pending(rig, alice, pod.metadata.name);
    await until(() => spooled(rig).filter((row) => row.approval_id === proposal.name).length >= 20);
    await decide(rig, alice, proposal);
    const statuses = (await Promise.all(replies)).map(({ status }) => status).sort();
    // What is judged again after the first one's write is told that the object exists.
    expect(statuses.filter((status) => status !== 403 && status !== 409)).toEqual([201]);
    expect(await about(rig, alice, pod.metadata.name)).toHaveLength(1);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("of a request that the API server itself refuses bothers no human", async () => {
    const answer = rig.upstream.answer;
    rig.upstream.answer = (seen, res) => {
      if (seen.method === "GET") return answer(seen, res);
      res.writeHead(403, { "content-type": "application/json" });
      res.end('{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods is forbidden: RBAC","code":403}');
    };
    const pod = hostPathPod();
    const reply = await create(pod);
    expect([reply.status, reply.json?.message]).toEqual([403, "pods is forbidden: RBAC"]);
    expect(causesOf(reply)).toEqual([]);
    expect(await about(rig, alice, pod.metadata.name)).toEqual([]);
  });
});
