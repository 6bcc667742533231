import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type EmbeddedHome, openEmbeddedHome } from "../../approvals/git/home.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import { silentLog } from "../../base/log.ts";
import { inThirtyDays, standingFile } from "../approvals/standing-files.ts";
import { kube, open, type Reply, spooled, until } from "./client.ts";
import { type Cluster, realWrites, serveObjects } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let home: EmbeddedHome;
let cluster: Cluster;
let agent: string;
const by = { issuer: "dev", username: "dev:alice@example.com" };

beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 0 } },
      rules: { "rbac/cluster-role-binding": { absolute: true } },
    },
  });
  // Another gateway on the same repository: what it merges, the one that serves finds on main.
  const config = loadGatewayConfig(rig.configFile);
  home = await openEmbeddedHome({
    path: join(rig.directory, "policy-exceptions.git"),
    mergeKeyFile: config.keys.mergeFile ?? [],
    people: config.people,
    log: silentLog,
    url: (name) => name,
  });
});
afterAll(async () => {
  await home.close();
  await rig.close();
});
beforeEach(async () => {
  agent = await rig.token("agent");
  cluster = serveObjects(rig.upstream);
  rig.upstream.seen.splice(0);
});

let n = 0;
/** Merges an exception of the agent's group, for the namespace of a test alone, and takes it back after the test. */
async function except(namespace: string, spec: Record<string, unknown>): Promise<string> {
  const name = `exception-${++n}`;
  const { match, ...rest } = spec;
  const file = standingFile(name, {
    subjects: [{ group: "dev:devs" }],
    requestedBy: { ...by, session: "" },
    notAfter: inThirtyDays(),
    ...rest,
    match: { connection: "local", resources: ["/pods"], namespaces: [namespace], ...(match as object) },
  });
  await home.standing.merge(new Map([[name, file]]), by, "as the test says");
  onTestFinished(() => home.standing.revoke(name, by, "the test is over").catch(() => undefined));
  return name;
}

const pod = (spec: object = {}, metadata: object = {}): object => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: `pod-${++n}`, ...metadata },
  spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: "v", hostPath: { path: "/var/log" } }], ...spec },
});
const create = (namespace: string, body = pod(), query = ""): Promise<Reply> =>
  kube(rig, "POST", `/api/v1/namespaces/${namespace}/pods${query}`, { token: agent, body });
/** Asks until the gateway has found on main what another one put there. */
const lifted = (namespace: string, name = `pod-${++n}`): Promise<Reply> =>
  until(async () => {
    const reply = await create(namespace, pod({}, { name }), "?dryRun=All");
    return reply.headers.warning === undefined && reply.status === 201 ? reply : undefined;
  });

describe("a standing exception", () => {
  test("lets through what its rule would hold, and is named on record", async () => {
    const name = await except("lets", { rules: ["workload/host-path"] });
    await lifted("lets");
    rig.upstream.seen.splice(0);
    const { status, headers } = await create("lets");
    expect(status).toBe(201);
    expect(realWrites(rig.upstream)).toHaveLength(1);
    const outcome = await until(async () =>
      (await spooled(rig)).find(
        ({ kind, exchange_id }) => kind === "request.outcome" && exchange_id === headers["audit-id"],
      ),
    );
    expect(JSON.stringify(outcome.payload)).toContain(name);
  });

  test("lifts its own rule and no other", async () => {
    await except("own", { rules: ["workload/host-path"] });
    await lifted("own");
    cluster.objects.set("/api/v1/namespaces/own/pods/a", { metadata: { name: "a", uid: "u" } });
    const { status, json } = await kube(rig, "POST", "/api/v1/namespaces/own/pods/a/exec?command=ls", { token: agent });
    expect(status).toBe(403);
    expect(JSON.stringify(json)).toContain("access/exec");
  });

  test("lifts nothing for another namespace", async () => {
    await except("here", { rules: ["workload/host-path"] });
    await lifted("here");
    expect((await create("there")).status).toBe(403);
  });

  test("lifts no rule that is absolute", async () => {
    const resources = ["rbac.authorization.k8s.io/clusterrolebindings"];
    await except("absolute", { rules: ["rbac/cluster-role-binding"], match: { resources, namespaces: [] } });
    await except("absolute", { rules: ["workload/host-path"] });
    await lifted("absolute");
    const body = {
      kind: "ClusterRoleBinding",
      metadata: { name: "x" },
      roleRef: { kind: "ClusterRole", name: "view" },
    };
    const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    expect((await kube(rig, "POST", path, { token: agent, body })).status).toBe(403);
  });

  test("goes by the name that a create's body says", async () => {
    await except("named", { rules: ["workload/host-path"], match: { names: ["agent-*"] } });
    await lifted("named", `agent-${++n}`);
    expect((await create("named", pod({}, { name: `agent-${++n}` }))).status).toBe(201);
    expect((await create("named")).status).toBe(403);
  });

  test("goes by the labels that are stored and that the request keeps", async () => {
    await except("labelled", { rules: ["workload/host-path"], match: { labels: { team: "a" } } });
    await except("labelled-too", { rules: ["workload/host-path"] });
    const path = "/api/v1/namespaces/labelled/pods/db";
    const stored = {
      kind: "Pod",
      apiVersion: "v1",
      metadata: { name: "db", labels: { team: "a" }, resourceVersion: "7" },
      spec: { containers: [{ name: "a", image: "b" }] },
    };
    const put = (labels: object): Promise<Reply> => {
      cluster.objects.set(path, structuredClone(stored));
      return kube(rig, "PUT", path, { token: agent, body: pod({}, { name: "db", labels }) });
    };
    await lifted("labelled-too");
    expect((await put({ team: "a", more: "x" })).status).toBe(200);
    expect((await put({ team: "b" })).status).toBe(403);
    expect((await create("labelled", pod({}, { labels: { team: "a" } }))).status).toBe(403);
  });

  test("with maxUses lets through so many writes, and a dry run spends none", async () => {
    await except("counted", { rules: ["workload/host-path"], maxUses: 2 });
    await lifted("counted");
    expect((await create("counted")).status).toBe(201);
    expect((await create("counted")).status).toBe(201);
    expect((await create("counted")).status).toBe(403);
  });

  test("is not there any more when it was taken back: what it lifted is held, and a stream on it ends", async () => {
    const name = await except("gone", { rules: ["secrets/list"], match: { resources: ["/secrets"] } });
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.write('{"type":"BOOKMARK","object":{"kind":"Secret","apiVersion":"v1","metadata":{}}}\n');
    };
    const watch = () =>
      open(rig, "GET", "/connections/local/api/v1/namespaces/gone/secrets?watch=true", { token: agent, http: 1 });
    const { body } = await until(async () => {
      const answered = await watch();
      if (answered.statusCode === 200) return answered;
      await answered.body.dump();
      return undefined;
    });
    const ended = expect(body.text()).rejects.toThrow();
    await home.standing.revoke(name, by, "no longer");
    await ended;
    expect((await kube(rig, "GET", "/api/v1/namespaces/gone/secrets", { token: agent })).status).toBe(403);
  });
});
