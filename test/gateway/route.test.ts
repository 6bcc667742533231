import { expect, test } from "vitest";
import { send } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

test.each(["/api/v1/namespaces/shop/pods?limit=1", "/apis", "/version", "/openapi/v3?a=b"])(
  "%s without a connection is the only connection's: kubectl get --raw leaves the server's path out",
  async (path) => {
    const reply = await send(rig, "GET", path, { token });
    expect(reply.status).toBe(200);
    expect(rig.upstream.seen.map(({ url }) => url)).toEqual([path]);
  },
);

test("a path without a connection is judged as one with it", async () => {
  const reply = await send(rig, "GET", "/api/v1/nodes/n1/proxy/run", { token });
  expect(reply.status).toBe(403);
  expect(rig.upstream.seen).toEqual([]);
});

test("a path without a connection needs a token as well", async () => {
  expect((await send(rig, "GET", "/api/v1/namespaces/shop/pods")).status).toBe(401);
});

test.each([
  ["/openapi.json", 200],
  ["/apiary", 404],
  ["/v1alpha1/policy", 200],
])("%s stays the control API's", async (path, status) => {
  expect((await send(rig, "GET", path, { token })).status).toBe(status);
  expect(rig.upstream.seen).toEqual([]);
});

test("with two connections a path without one is nobody's", async () => {
  const two = await startRig({
    change: (config) => {
      const connections = config.connections as object[];
      connections.push({ ...connections[0], name: "other" });
    },
  });
  try {
    const reply = await send(two, "GET", "/api/v1/namespaces/shop/pods", { token: await two.token("agent") });
    expect(reply.status).toBe(404);
    expect(two.upstream.seen).toEqual([]);
  } finally {
    await two.close();
  }
});
