import { afterAll, beforeAll, expect, test } from "vitest";
import { causesOf, kube } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({ guardrails: { rules: { "workload/host-path": { effect: "deny" } } } });
});
afterAll(() => rig.close());

test("a custom resource does not hide a hostPath inside what looks like a pod spec itself", async () => {
  const template = {
    name: "main",
    container: { image: "busybox" },
    volumes: [{ name: "root", hostPath: { path: "/" } }],
  };
  const body = {
    apiVersion: "argoproj.io/v1alpha1",
    kind: "Workflow",
    metadata: { name: "build" },
    spec: { entrypoint: "main", serviceAccountName: "build", templates: [template] },
  };
  const token = await rig.token("agent");
  const reply = await kube(rig, "POST", "/apis/argoproj.io/v1alpha1/namespaces/shop/workflows", { token, body });
  expect(reply.status).toBe(403);
  expect(causesOf(reply)).toContain("workload/host-path");
  expect(rig.upstream.seen.filter(({ method }) => method === "POST")).toEqual([]);
});
