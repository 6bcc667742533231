import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { causesOf, kube, open, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { dial, EXEC, switchProtocols, type TunnelClient, V5, withPods } from "./tunnel-client.ts";

const LIMIT = 3;
const PODS = "/api/v1/namespaces/shop/pods";
let rig: Rig;
let token: string;
let leave = new AbortController();
const tunnels: TunnelClient[] = [];
beforeAll(async () => {
  rig = await startRig({
    guardrails: { profiles: ["observe"], rules: { "workload/host-path": { effect: "deny" } } },
    change: (config) =>
      Object.assign(config, {
        limits: { requestsPerIdentity: LIMIT, bodyBytesPerIdentity: 6_000, bodyBytesInAll: 10_000 },
      }),
  });
});
afterAll(() => rig.close());
beforeEach(async () => {
  leave = new AbortController();
  token = await rig.token("agent");
  rig.upstream.answer = withPods((seen, res) => {
    res.writeHead(200, { "content-type": "application/json" });
    if (seen.url.includes("watch")) res.flushHeaders();
    else res.end('{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]}');
  });
});
afterEach(async () => {
  leave.abort();
  for (const { socket } of tunnels.splice(0)) socket.destroy();
  await until(async () => (await status()) === 200);
});

const status = async (as = token): Promise<number> => (await kube(rig, "GET", PODS, { token: as })).status;

async function watch(): Promise<void> {
  const path = `/connections/local${PODS}?watch=true`;
  const { statusCode, body } = await open(rig, "GET", path, { token, signal: leave.signal });
  body.on("error", () => {});
  expect(statusCode).toBe(200);
}

test("more than requestsPerIdentity requests under way are refused, whatever the session, and others are served", async () => {
  for (let n = 0; n < LIMIT; n++) {
    token = await rig.token("agent");
    await watch();
  }
  const refused = await kube(rig, "GET", PODS, { token });
  expect([refused.status, causesOf(refused)]).toEqual([429, ["request/too-many"]]);
  // client-go asks again ten times, in silence, where it is told when.
  expect(refused.headers["retry-after"]).toBeUndefined();
  expect(await status(await rig.token("bob"))).toBe(200);
});

test("a tunnel is under way until it ends", async () => {
  switchProtocols(rig);
  for (let n = 0; n < LIMIT; n++) {
    const client = await dial(rig, `GET ${EXEC}`, [`Authorization: Bearer ${token}`, ...V5]);
    tunnels.push(client);
    expect(client.status).toBe(101);
  }
  expect(await status()).toBe(429);
  tunnels[0]?.socket.destroy();
  await until(async () => (await status()) === 200);
});

test("whatever becomes of a request, it is under way no longer", async () => {
  const denied = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a" },
    spec: { volumes: [{ name: "v", hostPath: {} }] },
  };
  for (let n = 0; n <= LIMIT; n++) {
    expect((await kube(rig, "POST", PODS, { token, body: denied })).status).toBe(403);
    expect((await kube(rig, "POST", PODS, { token, body: "{" })).status).toBe(400);
    expect((await kube(rig, "GET", "/api/v1/../secrets", { token })).status).not.toBe(429);
  }
  expect(await status()).toBe(200);
});

test("bodies in memory are capped by identity and in all, as they come, and room is made as requests end", async () => {
  const answers: (() => void)[] = [];
  rig.upstream.answer = withPods(({ method }, res) => {
    const answer = () =>
      res.writeHead(201, { "content-type": "application/json" }).end('{"kind":"Status","apiVersion":"v1"}');
    if (method === "POST") answers.push(answer);
    else res.writeHead(200, { "content-type": "application/json" }).end("{}");
  });
  const create = (as: string, name: string) => {
    const spec = { containers: [{ name, image: "x".repeat(3_500) }] };
    return kube(rig, "POST", PODS, { token: as, body: { apiVersion: "v1", kind: "Pod", metadata: { name }, spec } });
  };
  const [bob, alice] = [await rig.token("bob"), await rig.token("alice")];
  const first = create(token, "first");
  await until(() => answers[0]);
  const own = await create(token, "second");
  expect([own.status, causesOf(own)]).toEqual([429, ["request/too-many"]]);
  const others = create(bob, "third");
  await until(() => answers[1]);
  const all = await create(alice, "fourth");
  expect([all.status, all.text.includes("this gateway")]).toEqual([429, true]);
  const ending = setInterval(() => answers.splice(0).forEach((answer) => void answer()), 5);
  expect([(await first).status, (await others).status]).toEqual([201, 201]);
  expect([(await create(token, "fifth")).status, (await create(alice, "sixth")).status]).toEqual([201, 201]);
  clearInterval(ending);
});
