import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { causesOf, kube } from "../gateway/client.ts";
import { realWrites, serveObjects } from "../gateway/cluster.ts";
import { type Rig, startRig } from "../gateway/rig.ts";

let rig: Rig;
let token: string;
beforeAll(async () => {
  rig = await startRig({
    guardrails: { profiles: ["baseline"], defaults: { approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } } },
  });
  token = await rig.token("agent");
  const { objects } = serveObjects(rig.upstream);
  const pod = { kind: "Pod", apiVersion: "v1", metadata: { name: "web", namespace: "shop", resourceVersion: "5" } };
  objects.set(POD, pod);
  objects.set(`${POD}/ephemeralcontainers`, pod);
});
afterAll(() => rig.close());
beforeEach(() => rig.upstream.seen.splice(0));

const POD = "/api/v1/namespaces/shop/pods/web";
const container = { name: "debugger-abcde", image: "busybox", targetContainerName: "app" };
const whole = {
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "web", namespace: "shop" },
  spec: { ephemeralContainers: [container] },
};

test.each([
  ["PUT", "application/json", whole],
  ["PATCH", "application/strategic-merge-patch+json", { spec: { ephemeralContainers: [container] } }],
  ["PATCH", "application/merge-patch+json", { spec: { ephemeralContainers: [container] } }],
  ["PATCH", "application/json-patch+json", [{ op: "add", path: "/spec/ephemeralContainers", value: [container] }]],
  ["PATCH", "application/apply-patch+yaml", whole],
])("Teleport 40792: %s of ephemeralcontainers as %s is held, and nothing is written", async (method, type, body) => {
  const query = type.includes("apply") ? "?fieldManager=kubectl" : "";
  const reply = await kube(rig, method, `${POD}/ephemeralcontainers${query}`, {
    token,
    headers: { "content-type": type },
    body: JSON.stringify(body),
  });
  expect(reply.status).toBe(403);
  expect(causesOf(reply)).toContain("access/debug");
  expect(realWrites(rig.upstream)).toEqual([]);
});

test("Teleport 40792: a debug pod on a node, which mounts its root, is held", async () => {
  const spec = {
    nodeName: "n1",
    containers: [{ name: "debugger", image: "busybox", volumeMounts: [{ name: "host-root", mountPath: "/host" }] }],
    volumes: [{ name: "host-root", hostPath: { path: "/" } }],
  };
  const body = { kind: "Pod", apiVersion: "v1", metadata: { name: "node-debugger-n1-abcde" }, spec };
  const reply = await kube(rig, "POST", "/api/v1/namespaces/shop/pods", { token, body });
  expect(reply.status).toBe(403);
  expect(causesOf(reply)).toEqual(["access/node-debug", "workload/host-path"]);
  expect(realWrites(rig.upstream)).toEqual([]);
});
