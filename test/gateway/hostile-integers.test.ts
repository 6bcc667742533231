import { afterAll, beforeAll, expect, test } from "vitest";
import { pending } from "./approvals.ts";
import { kube } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
beforeAll(async () => {
  rig = await startRig({
    guardrails: { defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 0 } } },
  });
});
afterAll(() => rig.close());

const THING = "/apis/example.com/v1/namespaces/shop/things/big";
const thing = (limit: string, path: string): string =>
  `{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"big","namespace":"shop","uid":"u","resourceVersion":"7"},
    "spec":{"limit":${limit},"volumes":[{"name":"v","hostPath":{"path":"${path}"}}]}}`;

test("a change of an integer beyond 2^53 by one is shown to who approves it", async () => {
  rig.upstream.answer = ({ method, url, body }, res) => {
    const found = url.startsWith(THING);
    res.writeHead(found ? 200 : 404, { "content-type": "application/json" });
    res.end(!found ? '{"kind":"Status","code":404}' : method === "GET" ? thing("9007199254740992", "/old") : body);
  };
  const [token, alice] = [await rig.token("agent"), await rig.token("alice", "admin")];
  const headers = { "content-type": "application/json" };
  const reply = kube(rig, "PUT", THING, { token, headers, body: thing("9007199254740993", "/new") });
  const { changes } = await pending(rig, alice, "big");
  expect(changes).toContainEqual({ path: "spec.limit", from: "9007199254740992", to: "9007199254740993" });
  await reply;
});
