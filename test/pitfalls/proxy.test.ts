import { expect, test } from "vitest";
import { causesOf, kube } from "../gateway/client.ts";
import type { Rig } from "../gateway/rig.ts";
import { useRig } from "../gateway/use-rig.ts";

const APPROVAL = { approvers: ["group:dev:sre"], holdSeconds: 0 };

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  { guardrails: { profiles: ["baseline"], defaults: { approval: APPROVAL } } },
);

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"];
const PATHS: [path: string, rule: string][] = [
  ["/api/v1/nodes/n1/proxy/run/shop/web/app?cmd=id", "nodes/proxy"],
  ["/api/v1/nodes/n1:10250/proxy/exec/shop/web/app?command=id", "nodes/proxy"],
  ["/api/v1/nodes/n1/proxy", "nodes/proxy"],
  ["/api/v1/proxy/nodes/n1/pods", "nodes/proxy"],
  ["/api/v1/namespaces/shop/pods/web/proxy/admin", "access/proxy"],
  ["/api/v1/namespaces/shop/pods/https:web:8443/proxy/", "access/proxy"],
  ["/api/v1/proxy/namespaces/shop/pods/web/admin", "access/proxy"],
  ["/api/v1/namespaces/shop/services/db/proxy/", "access/proxy"],
];

test.each(PATHS.flatMap(([path, rule]) => METHODS.map((method) => [method, path, rule] as const)))(
  "kubernetes PR 136550: %s %s is refused by default, by %s",
  async (method, path, rule) => {
    const reply = await kube(rig, method, path, { token });
    expect(reply.status).toBe(403);
    if (method !== "HEAD") expect(causesOf(reply)).toContain(rule);
    expect(rig.upstream.seen.map(({ url }) => url).filter((url) => url.includes("proxy"))).toEqual([]);
  },
);
