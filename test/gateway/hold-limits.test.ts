import { afterEach, expect, test } from "vitest";
import { awakeTime } from "../clocks.ts";
import { decide, listed, pending } from "./approvals.ts";
import { causesOf, kube, type Reply } from "./client.ts";
import { realWrites, serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let closed = false;
afterEach(async () => {
  if (!closed) await rig.close();
  closed = false;
});

const start = async (holdSeconds: number, limits = {}, maxUses = 1): Promise<void> => {
  rig = await startRig({
    guardrails: { defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds, maxUses } } },
    change: (config) => Object.assign(config, { limits }),
  });
  serveObjects(rig.upstream);
};
const create = (token: string, name: string): Promise<Reply> =>
  kube(rig, "POST", "/api/v1/namespaces/shop/secrets", {
    token,
    body: { kind: "Secret", apiVersion: "v1", metadata: { name }, data: {} },
  });

test("more than holdsPerSession requests that wait are refused, and ask no human", async () => {
  await start(0, { holdsPerSession: 2, holdsPerIdentity: 3 });
  const alice = await rig.token("alice", "admin");
  const first = await rig.token("agent");
  for (const name of ["a", "b", "a"]) expect(causesOf(await create(first, name))).toEqual(["secrets/write"]);
  const third = await create(first, "c");
  expect(third.status).toBe(429);
  expect(third.headers["retry-after"]).toBeUndefined();
  expect(await listed(rig, alice)).toHaveLength(2);
  expect(realWrites(rig.upstream)).toEqual([]);
});

test("more than holdsPerIdentity requests that wait are refused, whatever the session", async () => {
  await start(0, { holdsPerSession: 2, holdsPerIdentity: 3 });
  const alice = await rig.token("alice", "admin");
  for (const names of [["a", "b"], ["c"]]) {
    // Tokens of one second are one session.
    const token = await rig.token("agent");
    for (const name of names) expect((await create(token, name)).status).toBe(403);
    await new Promise((resolve) => setTimeout(resolve, 1_100));
  }
  expect((await create(await rig.token("agent"), "d")).status).toBe(429);
  expect(await listed(rig, alice)).toHaveLength(3);
});

const different = process.env.SALLYPORT_TEST_ALL === "1" ? 1_000 : 20;
test(`${different} different requests at once stay within holdsPerSession, and the others hear why`, async () => {
  await start(0, { holdsPerSession: 5, holdsPerIdentity: 5 });
  const alice = await rig.token("alice", "admin");
  const token = await rig.token("agent");
  const replies = await Promise.all(Array.from({ length: different }, (_, i) => create(token, `s-${i}`)));
  const refused = replies.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(different - 5);
  expect(refused.every(({ text }) => text.includes("already has 5 requests waiting for approval"))).toBe(true);
  expect(await listed(rig, alice)).toHaveLength(5);
});

test("an approval with two uses lets the same request through twice, and no third time", async () => {
  await start(0, {}, 2);
  const alice = await rig.token("alice", "admin");
  const token = await rig.token("agent");
  const cluster = serveObjects(rig.upstream);
  expect((await create(token, "a")).status).toBe(403);
  await decide(rig, alice, await pending(rig, alice, "a"));
  const statuses: number[] = [];
  for (let i = 0; i < 3; i++) {
    statuses.push((await create(token, "a")).status);
    cluster.objects.clear();
  }
  expect(statuses).toEqual([201, 201, 403]);
  expect(realWrites(rig.upstream)).toHaveLength(2);
});

test("a gateway that drains answers what it holds, and the approval counts later", async () => {
  await start(60);
  const alice = await rig.token("alice", "admin");
  const reply = create(await rig.token("agent"), "a");
  const proposal = await pending(rig, alice, "a");
  const took = awakeTime();
  closed = true;
  const closing = rig.close();
  const { status, json } = await reply;
  await closing;
  expect(status).toBe(403);
  expect(String(json?.message)).toContain(proposal.name);
  expect(took()).toBeLessThan(10_000);
  expect(realWrites(rig.upstream)).toEqual([]);
});
