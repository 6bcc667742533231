import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { about, decide, listed, pending, waitedMs } from "./approvals.ts";
import { spooled, until } from "./client.ts";
import { type Cluster, serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { dial, EXEC, SPDY, switchProtocols, type TunnelClient, V5 } from "./tunnel-client.ts";

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

let pod: string;
let namespace: string;
let n = 0;
beforeEach(async () => {
  // A session of its own: one test's holds must not eat the next one's budget.
  agent = await rig.token("agent");
  cluster = serveObjects(rig.upstream);
  pod = `web-${++n}`;
  namespace = "shop";
  setPod("first");
  rig.upstream.upgrade = undefined;
  rig.upstream.seen.splice(0);
});

function setPod(uid: string): void {
  cluster.objects.set(`/api/v1/namespaces/${namespace}/pods/${pod}`, {
    kind: "Pod",
    metadata: { name: pod, uid, labels: {} },
    spec: {},
  });
}

const exec = (): string => EXEC.replace("/shop/pods/web/", `/${namespace}/pods/${pod}/`);
/** The pod is where a hold ends after a second. */
function briefly(): void {
  namespace = "brief";
  setPod("first");
}
const bearer = (): string => `Authorization: Bearer ${agent}`;
const websocket = (): Promise<TunnelClient> => dial(rig, `GET ${exec()}`, [bearer(), ...V5]);
/** kubectl's second attempt has the same query, in another order. */
const spdy = (): Promise<TunnelClient> =>
  dial(rig, `POST ${exec().replace(/\?.*/, "?stdout=true&stdin=true&command=cat&command=-")}`, [bearer(), ...SPDY]);
const messageOf = (client: TunnelClient): string => String(JSON.parse(client.received().toString()).message);
const refused = async (client: Promise<TunnelClient>): Promise<string> => {
  const one = await client;
  await until(() => one.closed);
  expect(one.status).toBe(403);
  return messageOf(one);
};
/** The exec requests that the upstream saw. */
const execs = (): string[] => rig.upstream.seen.filter(({ url }) => url.includes("/exec")).map(({ method }) => method);

describe("a held exec", () => {
  test("shows its approver the whole command and the pod, and goes on by itself when it is approved", async () => {
    switchProtocols(rig);
    const client = websocket();
    const proposal = await pending(rig, alice, pod);
    expect(proposal.summary).toMatchObject({
      verb: "connect",
      resource: "pods/exec",
      namespace: "shop",
      command: "cat -",
    });
    await decide(rig, alice, proposal);
    const { status, socket } = await client;
    expect(status).toBe(101);
    socket.destroy();
    const [approval] = await about(rig, alice, pod);
    expect(approval).toMatchObject({ state: "consumed" });
    const consumed = await until(() =>
      spooled(rig).find((row) => row.kind === "approval.consumed" && row.approval_id === proposal.name),
    );
    expect(consumed.rules).toEqual(["access/exec"]);
  });

  test.each([
    ["over WebSocket, then over SPDY", websocket, spdy],
    ["over SPDY, then over WebSocket", spdy, websocket],
  ])(
    "kubernetes 78741, 134577: asked %s is one proposal; the second attempt is refused at once, and either goes through when it is approved",
    async (_title, first, second) => {
      briefly();
      switchProtocols(rig);
      const message = await refused(first());
      expect(message).toContain("access/exec: runs `cat -`");
      const again = await second();
      expect(await refused(Promise.resolve(again))).toContain("access/exec");
      expect(await waitedMs(rig, String(again.headers["audit-id"]))).toBeLessThan(1_000);
      expect(await about(rig, alice, pod)).toHaveLength(1);
      await decide(rig, alice, await pending(rig, alice, pod));
      const { status, socket } = await second();
      expect(status).toBe(101);
      socket.destroy();
      expect(execs()).toHaveLength(1);
    },
  );

  test("that the upstream answers with 403 over WebSocket goes on over SPDY with the same approval", async () => {
    const { answer } = rig.upstream;
    rig.upstream.answer = (seen, res) => {
      if (!seen.url.includes("/exec")) return answer(seen, res);
      const body = '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"get is forbidden","code":403}';
      res.writeHead(403, { "content-type": "application/json", "content-length": body.length });
      res.end(body);
    };
    const first = websocket();
    await decide(rig, alice, await pending(rig, alice, pod));
    expect(await refused(first)).toBe("get is forbidden");
    switchProtocols(rig);
    const { status, socket } = await spdy();
    expect(status).toBe(101);
    socket.destroy();
    expect(execs()).toEqual(["GET", "POST"]);
    expect((await about(rig, alice, pod))[0]).toMatchObject({ uses: [{ n: 1 }] });
    // It is spent now.
    const again = websocket();
    await decide(rig, alice, await pending(rig, alice, pod), "deny");
    await refused(again);
    expect(execs()).toHaveLength(2);
  });

  test("is approved for one pod: another of the same name is held anew", async () => {
    briefly();
    switchProtocols(rig);
    await refused(websocket());
    await decide(rig, alice, await pending(rig, alice, pod));
    setPod("second");
    expect(await refused(websocket())).toContain("no longer the one that was approved");
    expect(execs()).toEqual([]);
    expect((await about(rig, alice, pod)).map(({ state }) => state).sort()).toEqual(["approved", "pending"]);
  });

  test("of a pod that is not there bothers nobody, and gets the API server's own answer", async () => {
    cluster.objects.clear();
    const client = await websocket();
    await until(() => client.closed);
    expect([client.status, messageOf(client)]).toEqual([404, "NotFound"]);
    expect(await about(rig, alice, pod)).toEqual([]);
  });

  test("whose client goes away leaves its proposal, and runs nothing when that is approved", async () => {
    switchProtocols(rig);
    const leave = new AbortController();
    const gone = dial(rig, `GET ${exec()}`, [bearer(), ...V5], "", leave.signal);
    const proposal = await pending(rig, alice, pod);
    const held = spooled(rig).length;
    leave.abort();
    await until(() =>
      spooled(rig)
        .slice(held)
        .some(({ kind, status }) => kind === "request.refused" && status === 499),
    );
    await gone;
    await decide(rig, alice, proposal);
    expect((await listed(rig, alice)).find(({ name }) => name === proposal.name)).toMatchObject({
      state: "approved",
      uses: [],
    });
    expect(execs()).toEqual([]);
  });

  test("ends when its approval is taken back", async () => {
    const servers = switchProtocols(rig);
    const waiting = websocket();
    const proposal = await pending(rig, alice, pod);
    await decide(rig, alice, proposal);
    const client = await waiting;
    expect(client.status).toBe(101);
    // The file leaves main, as a revert of its merge takes it away.
    const git = (...args: string[]): string =>
      execFileSync(
        "git",
        [
          ...["-c", "user.name=x", "-c", "user.email=x@x"],
          "--git-dir",
          join(rig.directory, "policy-exceptions.git"),
          ...args,
        ],
        { encoding: "utf8" },
      ).trim();
    const first = git("rev-list", "--max-parents=0", "main").split("\n")[0] ?? "";
    git("update-ref", "refs/heads/main", git("commit-tree", `${first}^{tree}`, "-p", "main", "-m", "Revert"));
    await until(() => client.closed && servers[0]?.closed);
    const id = client.headers["audit-id"];
    const row = await until(() => spooled(rig).find((one) => one.exchange_id === id && one.kind === "stream.closed"));
    expect(JSON.parse(row.payload).reason).toBe("its approval was revoked");
    expect(row.approval_id).toBe(proposal.name);
  });
});
