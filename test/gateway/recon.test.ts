import { expect, test } from "vitest";
import type { EventRow } from "../../audit/event.ts";
import { kube, spooled, until } from "./client.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token = "";
// Baseline, as it comes.
useRig((opened) => ({ rig, token } = opened));

const REVIEWS = "/apis/authorization.k8s.io/v1";
const review = (kind: string): object => ({ apiVersion: "authorization.k8s.io/v1", kind, spec: { namespace: "shop" } });

async function outcomeOf(path: string): Promise<EventRow> {
  return until(() => spooled(rig).find((row) => row.kind === "request.outcome" && row.path === path));
}

test.each<[method: string, path: string, rule: string, body?: object]>([
  ["GET", "/api/v1/namespaces/shop/pods/web/log", "recon/pod-log"],
  ["GET", "/metrics", "recon/server-internals"],
  ["GET", "/debug/pprof/cmdline", "recon/server-internals"],
  ["GET", "/logs/kube-apiserver.log", "recon/server-internals"],
  ["POST", `${REVIEWS}/selfsubjectaccessreviews`, "recon/access-review", review("SelfSubjectAccessReview")],
  ["POST", `${REVIEWS}/selfsubjectrulesreviews`, "recon/access-review", review("SelfSubjectRulesReview")],
])("a %s of %s goes, and is on record with all that was asked and answered", async (method, path, rule, body) => {
  rig.upstream.answer = (seen, res) => {
    // What else is asked is the pod, for the values that its log must not show.
    const pod = seen.url === "/api/v1/namespaces/shop/pods/web";
    const type = pod || seen.method === "POST" ? "application/json" : "text/plain";
    res.writeHead(200, { "content-type": type }).end(pod ? '{"spec":{"containers":[]}}' : '{"what":"was answered"}');
  };
  const reply = await kube(rig, method, path, { token, ...(body === undefined ? {} : { body }) });
  expect(reply.status).toBe(200);
  const row = await outcomeOf(path);
  expect([row.effect, row.rules, row.record_level]).toEqual(["allow", [rule], "RequestResponse"]);
  expect(row.response_body).toMatch(/^[0-9a-f]{64}$/);
  // What was asked is on record before it is answered.
  const asked = spooled(rig).find((one) => one.exchange_id === row.exchange_id && one.request_body !== "");
  expect(asked?.kind).toBe(body === undefined ? undefined : "request.intent");
});
