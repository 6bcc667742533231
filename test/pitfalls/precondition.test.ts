import { expect, test } from "vitest";
import { kube } from "../gateway/client.ts";
import { realWrites } from "../gateway/cluster.ts";
import type { Rig } from "../gateway/rig.ts";
import { useRig } from "../gateway/use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const DEPLOYMENT = "/apis/apps/v1/namespaces/shop/deployments/web";
const VERSION = "/metadata/resourceVersion";
const type = { "content-type": "application/json-patch+json" };

const deployment = {
  kind: "Deployment",
  apiVersion: "apps/v1",
  metadata: { name: "web", resourceVersion: "5" },
  spec: { template: { spec: { containers: [] } } },
};

test.each([
  [
    "a plain patch",
    [
      { op: "add", path: "/metadata/labels", value: { a: "b" } },
      { op: "replace", path: "/spec/replicas", value: 3 },
    ],
  ],
  [
    "a patch that removes the version that it added",
    [
      { op: "add", path: VERSION, value: "5" },
      { op: "remove", path: VERSION },
    ],
  ],
  [
    "a patch that replaces all of the metadata",
    [
      { op: "add", path: VERSION, value: "5" },
      { op: "replace", path: "/metadata", value: { name: "web" } },
    ],
  ],
])("JSON patch precondition [M]: %s goes upstream with the judged version added last", async (_title, operations) => {
  rig.upstream.answer = (_seen, res) => {
    res.writeHead(200, { "content-type": "application/json" });
    res.end(JSON.stringify(deployment));
  };
  const reply = await kube(rig, "PATCH", DEPLOYMENT, { token, headers: type, body: JSON.stringify(operations) });
  expect(reply.status).toBe(200);
  const [written] = realWrites(rig.upstream);
  const sent = JSON.parse(written?.body ?? "[]") as unknown[];
  expect(sent).toEqual([...operations, { op: "add", path: VERSION, value: "5" }]);
});
