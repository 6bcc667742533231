import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { GitHubDouble } from "../github/double.ts";
import { type Listed, listed, pending } from "./approvals.ts";
import { kube, open, type Reply, send, spooled, until } from "./client.ts";
import { realWrites, serveObjects } from "./cluster.ts";
import { approveOn, atHomeOn, openGitHub } from "./github.ts";
import { type Rig, startRig } from "./rig.ts";

let github: GitHubDouble;
let rig: Rig;
let other: Rig;
let alice: string;
let bob: string;
let agent: string;
beforeAll(async () => {
  github = await openGitHub();
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 60 } },
      rules: { "secrets/write": { absolute: true } },
    },
    // Long enough that nothing here waits for a poll.
    change: atHomeOn(github, { pollSeconds: 300 }),
    replica: { pushes: true },
  });
  if (rig.replica === undefined) throw new Error("there is no second gateway");
  other = rig.replica;
});
afterAll(async () => {
  await rig.close();
  await github.close();
});
beforeEach(async () => {
  [agent, alice, bob] = await Promise.all([rig.token("agent"), rig.token("alice", "admin"), rig.token("bob", "admin")]);
  serveObjects(rig.upstream);
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
/** What GitHub sends, to one of the two: the other is told by its peer. */
const hook = async (at = rig): Promise<void> => {
  const body = "{}";
  const headers = { "x-github-delivery": `d-${++n}`, "x-hub-signature-256": github.webhooks.sign(body) };
  expect((await send(at, "POST", "/webhooks/github", { headers, body })).status).toBe(200);
};
const approve = async (proposal: Listed, by = "alice"): Promise<void> => {
  await approveOn(github, numberOf(proposal), by);
  await hook();
};
const numberOf = ({ name }: Pick<Listed, "name">): number => {
  const pull = [...github.state.pulls.values()].find((one) => one.title.includes(name) || one.body?.includes(name));
  if (pull === undefined) throw new Error(`no pull request of ${name}`);
  return pull.number;
};

describe("a hold whose approvals are on GitHub", () => {
  test("opens a pull request, and goes through by itself when that is reviewed and merged", async () => {
    const pod = hostPathPod();
    const reply = create(pod);
    await approve(await pending(rig, alice, pod.metadata.name));
    expect((await reply).status).toBe(201);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });

  test("that its own requester's person merges is refused with the reason, and nothing is let through", async () => {
    const pod = hostPathPod();
    const reply = create(pod);
    await approve(await pending(rig, alice, pod.metadata.name), "bob");
    const { status, json } = await reply;
    expect(status).toBe(403);
    expect(String(json?.message)).toMatch(/is cancelled: .*bob/);
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("cannot be approved at the gateway, which says where it can be", async () => {
    const pod = hostPathPod();
    const reply = create(pod);
    const { name, seen } = await pending(rig, alice, pod.metadata.name);
    const answer = await post(`/v1alpha1/approvals/${name}/approve`, alice, { seen });
    expect(answer.status).toBe(409);
    expect(String(answer.json?.next)).toContain("/pull/");
    expect((await post(`/v1alpha1/approvals/${name}/deny`, alice, { reason: "not on my nodes" })).status).toBe(200);
    const { status, json } = await reply;
    expect(status).toBe(403);
    expect(String(json?.message)).toContain("not on my nodes");
  });

  test("asked at two gateways at once is one pull request, and one of the two is forwarded", async () => {
    const pod = hostPathPod();
    const replies = [create(pod), create(pod, other)];
    const proposal = await pending(rig, alice, pod.metadata.name);
    await until(() => [rig, other].every((at) => spooled(at).some(({ approval_id }) => approval_id === proposal.name)));
    await approve(proposal);
    const statuses = (await Promise.all(replies)).map(({ status }) => status).sort();
    expect(statuses[0]).toBe(201);
    expect([403, 409]).toContain(statuses[1]);
    expect(realWrites(rig.upstream)).toHaveLength(1);
  });
});

describe("a webhook", () => {
  test("to one gateway brings a merge to what another one holds, where no poll would have yet", async () => {
    const pod = hostPathPod();
    const reply = create(pod, other);
    await approveOn(github, numberOf(await pending(other, alice, pod.metadata.name)));
    await hook(rig);
    expect((await reply).status).toBe(201);
  });

  const deliver = (headers: Record<string, string>, body: string): Promise<Reply> =>
    send(rig, "POST", "/webhooks/github", { headers: { "content-type": "application/json", ...headers }, body });

  test("that is delivered once more has no effect", async () => {
    const body = '{"zen":"Keep it logically awesome."}';
    const headers = { "x-github-delivery": "again", "x-hub-signature-256": github.webhooks.sign(body) };
    const answers = [await deliver(headers, body), await deliver(headers, body)];
    expect(answers.map(({ status, json }) => [status, json?.refreshed])).toEqual([
      [200, true],
      [200, false],
    ]);
  });

  test.each([
    ["with no signature", {}, "{}", 401],
    ["with another's signature", { "x-hub-signature-256": `sha256=${"0".repeat(64)}` }, "{}", 401],
    ["with a signature that is none", { "x-hub-signature-256": "sha256=" }, "{}", 401],
    ["of more than a mebibyte", {}, `"${"x".repeat(1_048_577)}"`, 413],
  ])("%s is refused", async (_title, headers, body, status) => {
    expect((await deliver({ "x-github-delivery": "a", ...headers }, body)).status).toBe(status);
  });
});

describe("break-glass", () => {
  test("lets a request through on one person's word, is marked on record, and opens a pull request for its review", async () => {
    const pod = hostPathPod();
    const reply = create(pod);
    const { name } = await pending(rig, alice, pod.metadata.name);
    const answer = await post(`/v1alpha1/approvals/${name}/break-glass`, bob, { reason: "the nodes are on fire" });
    expect(answer.status).toBe(200);
    expect((await reply).status).toBe(201);
    const rows = await until(() => {
      const found = spooled(rig).filter(({ approval_id }) => approval_id === name);
      return found.some(({ kind }) => kind === "request.outcome") && found;
    });
    const marked = rows.filter(({ break_glass }) => break_glass).map(({ kind }) => kind);
    expect(marked).toEqual(
      expect.arrayContaining(["break_glass.used", "approval.consumed", "request.intent", "request.outcome"]),
    );
    expect(JSON.parse(rows.find(({ kind }) => kind === "break_glass.used")?.payload ?? "{}")).toMatchObject({
      approvers: ["dev:bob@example.com"],
      reason: "the nodes are on fire",
    });
    await until(() => [...github.state.pulls.values()].some(({ headRef }) => headRef === `sallyport/review/${name}`));
  });

  test.each([
    ["a person without the role", () => alice, 403],
    ["the agent itself, whatever its groups", () => rig.token("agent", "admin"), 403],
    ["a token of the data path", () => rig.token("bob"), 401],
  ])("is not for %s", async (_title, token, status) => {
    const pod = hostPathPod();
    const gone = new AbortController();
    const reply = kube(rig, "POST", PODS, { token: agent, body: pod, signal: gone.signal }).catch(() => undefined);
    const { name } = await pending(rig, alice, pod.metadata.name);
    const answer = await post(`/v1alpha1/approvals/${name}/break-glass`, await token(), { reason: "now" });
    expect(answer.status).toBe(status);
    gone.abort();
    await reply;
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("needs a reason", async () => {
    expect((await post("/v1alpha1/approvals/0123456789abcdef-1/break-glass", bob, { reason: " " })).status).toBe(400);
  });
});

describe("GitHub that cannot be reached", () => {
  test("while a request is to be held: it gets its 403 in time, and nothing is let through", async () => {
    github.fault.down();
    const { status, json } = await create(hostPathPod());
    github.fault.up();
    expect(status).toBe(403);
    expect(String(json?.message)).toContain("workload/host-path");
    expect(realWrites(rig.upstream)).toEqual([]);
    expect((await listed(rig, alice)).filter(({ summary }) => summary.name === `held-${n}`)).toEqual([]);
  });

  // Ten seconds pass before an answer that does not come is given up.
  const ways = process.env.SALLYPORT_TEST_ALL === "1" ? (["500", "after", "hang"] as const) : (["500"] as const);
  test.each(ways)(
    "when the approval is to be used (%s): what may be spent and is not known to be lets nothing through",
    async (how) => {
      const pod = hostPathPod();
      const reply = create(pod);
      const proposal = await pending(rig, alice, pod.metadata.name);
      github.fault.next({ method: "POST", path: /git\/refs$/ }, how);
      await approve(proposal);
      const { status } = await reply;
      // What was done and not answered is read back, and is this exchange's.
      expect(status).toBe(how === "after" ? 201 : 403);
      expect(realWrites(rig.upstream)).toHaveLength(how === "after" ? 1 : 0);
    },
    40_000,
  );
});

describe("a killed session", () => {
  const opened = (): string[] =>
    spooled(rig)
      .filter(({ kind }) => kind === "session.opened")
      .map(({ session_id }) => session_id);
  let before: string[];
  const sessionOf = (): Promise<string> => until(() => opened().find((id) => !before.includes(id)));
  beforeEach(async () => {
    // Tokens of one second are one session: this one must be of one test alone.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    before = opened();
    agent = await rig.token("agent");
  });

  test("ends on every replica with its streams, and its token opens it nowhere again, also after a restart", async () => {
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.write('{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{}}}\n');
    };
    const watches = await Promise.all(
      [rig, other].map((at) => open(at, "GET", `/connections/local${PODS}?watch=1`, { token: agent })),
    );
    const ended = watches.map(({ body }) =>
      body.text().then(
        () => "ended",
        () => "cut",
      ),
    );
    const id = await sessionOf();
    const answer = await post(`/v1alpha1/sessions/${id}/kill`, alice, { reason: "it went astray" });
    expect([answer.status, answer.json?.detail]).toEqual([200, undefined]);
    expect(await Promise.all(ended)).toEqual(["cut", "cut"]);
    serveObjects(rig.upstream);
    for (const at of [rig, other]) expect((await kube(at, "GET", PODS, { token: agent })).status).toBe(401);
    await until(() => spooled(rig).some(({ kind, session_id }) => kind === "session.killed" && session_id === id));
    await other.restart();
    expect((await kube(other, "GET", PODS, { token: agent })).status).toBe(401);
  });

  test("is its own person's to kill, and of nobody else without a role", async () => {
    await kube(rig, "GET", PODS, { token: agent });
    const id = await sessionOf();
    expect((await post(`/v1alpha1/sessions/${id}/kill`, await rig.token("agent"), { reason: "a" })).status).toBe(401);
    expect((await post("/v1alpha1/sessions/..%2Fx/kill", alice, { reason: "a" })).status).toBe(400);
    expect((await post(`/v1alpha1/sessions/${id}/kill`, bob, { reason: "mine" })).status).toBe(200);
    expect((await kube(rig, "GET", PODS, { token: agent })).status).toBe(401);
  });

  test("while GitHub cannot be reached is ended all the same, and comes to the repository when it can be", async () => {
    await kube(rig, "GET", PODS, { token: agent });
    const id = await sessionOf();
    github.fault.down();
    const answer = await post(`/v1alpha1/sessions/${id}/kill`, alice, { reason: "it went astray" });
    expect([answer.status, answer.json?.code]).toEqual([403, "approvals-unavailable"]);
    await until(async () => (await kube(other, "GET", PODS, { token: agent })).status === 401);
    expect((await kube(rig, "GET", PODS, { token: agent })).status).toBe(401);
    github.fault.up();
    await until(() => github.state.git.ref(`refs/sallyport/killed/${id}`));
  });
});
