import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { expect, test } from "vitest";
import { startRig } from "./rig.ts";

test("a namespace that is relabelled while a request waits is judged by its new labels", {
  timeout: 60_000,
}, async () => {
  let labels: Record<string, string> = {};
  const rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 30 } },
      scopes: [
        {
          name: "prod",
          match: { namespaceLabels: { tier: "prod" } },
          rules: { "workload/host-path": { effect: "deny" } },
        },
      ],
    },
  });
  const dispatcher = new Agent({ connect: { ca: readFileSync(rig.caFile, "utf8") } });
  const call = async (method: "GET" | "POST", path: string, token: string, body?: object) => {
    const answer = await request(`https://127.0.0.1:${rig.gateway.port}${path}`, {
      dispatcher,
      method,
      headers: { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, json: (await answer.body.json()) as Record<string, unknown> };
  };
  const spec = { containers: [{ name: "a", image: "x" }], volumes: [{ name: "h", hostPath: { path: "/" } }] };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop" }, spec };
  rig.upstream.answer = (seen, res) => {
    res.setHeader("content-type", "application/json");
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels } };
    res.end(JSON.stringify(seen.url === "/api/v1/namespaces/shop" ? namespace : pod));
  };
  try {
    const created = call("POST", "/connections/local/api/v1/namespaces/shop/pods", await rig.token("agent"), pod);
    const alice = await rig.token("alice", "admin");
    const pending = async () =>
      (await call("GET", "/v1alpha1/approvals?state=pending", alice)).json.items as { name: string; seen: string }[];
    await expect.poll(async () => (await pending()).length).toBe(1);
    labels = { tier: "prod" };
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // labels may be a second old (design §2)
    const [{ name, seen } = { name: "", seen: "" }] = await pending();
    expect((await call("POST", `/v1alpha1/approvals/${name}/approve`, alice, { seen })).status).toBe(200);
    const { status, json } = await created;
    expect(status).toBe(403);
    expect(json.message).toContain("blocked by workload/host-path");
    expect(rig.upstream.seen.filter(({ method, url }) => method === "POST" && !url.includes("dryRun"))).toEqual([]);
  } finally {
    await dispatcher.close();
    await rig.close();
  }
});
