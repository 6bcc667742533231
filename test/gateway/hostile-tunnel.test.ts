import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { HEADER_DICTIONARY } from "../../kubernetes/spdy/dictionary.ts";
import { SpdyEncoder } from "../kubernetes/spdy-encoder.ts";
import { kube, until } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { dial, SPDY, switchProtocols, type TunnelClient, withPods } from "./tunnel-client.ts";

let rig: Rig;
let token: string;
const open: TunnelClient[] = [];
beforeAll(async () => {
  rig = await startRig({ guardrails: { profiles: ["observe"] } });
  token = await rig.token("agent");
  rig.upstream.answer = withPods(rig.upstream.answer);
});
afterAll(() => rig.close());
beforeEach(() => rig.upstream.seen.splice(0));
afterEach(() => {
  for (const { socket } of open.splice(0)) socket.destroy();
});

const FORWARD = "POST /connections/local/api/v1/namespaces/shop/pods/web/portforward";
const FORWARDED = [...SPDY.slice(0, 2), "X-Stream-Protocol-Version: portforward.k8s.io", "Content-Length: 0"];

test("a tunnel whose bytes take long to read waits its turn: others are answered before all of them are read", async () => {
  const servers = switchProtocols(rig);
  const client = await dial(rig, FORWARD, [`Authorization: Bearer ${token}`, ...FORWARDED]);
  open.push(client);
  // Each of these blocks is inflated with a window of its own: some 100 times what a frame of data costs.
  const encoder = new SpdyEncoder(HEADER_DICTIONARY);
  const flood = Buffer.concat(
    Array.from({ length: 6_000 }, (_, index) => {
      const id = 2 * index + 1;
      const headers = { streamtype: "error", port: "80", requestid: String(index) };
      return Buffer.concat([encoder.synStream(id, headers), encoder.reset(id, 5)]);
    }),
  );
  client.socket.write(flood);
  await until(() => (servers[0]?.received().length ?? 0) > 0);
  for (let n = 0; n < 20; n++) await kube(rig, "GET", "/api/v1/namespaces/shop/pods", { token });
  expect(servers[0]?.received().length).toBeLessThan(flood.length);
  await until(() => servers[0]?.received().equals(flood));
});
