import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Deps } from "../../proxy/deps.ts";
import type { Identified } from "../../proxy/exchange.ts";
import { Dialogues } from "../../proxy/model/dialogues.ts";
import { classify } from "../../proxy/steps/classify.ts";
import { type Rig, startRig } from "./rig.ts";

const SECRET = "/api/v1/namespaces/shop/secrets/database";
let rig: Rig;
let agent: Agent;
let token: string;

beforeAll(async () => {
  rig = await startRig();
  agent = new Agent({ connect: { ca: readFileSync(rig.caFile, "utf8") } });
  token = await rig.token("agent");
  rig.upstream.answer = (_seen, res) => {
    res.setHeader("content-type", "application/json");
    const metadata = { name: "database", namespace: "shop", uid: "u", resourceVersion: "7" };
    res.end(JSON.stringify({ kind: "Secret", apiVersion: "v1", metadata, data: {} }));
  };
}, 60_000);
afterAll(async () => {
  await agent.close();
  await rig.close();
});
beforeEach(() => {
  rig.upstream.seen.length = 0;
});

/** Sends a delete that passes as a dry run, and gives the DeleteOptions that arrived; undefined where none did. */
async function deleted(query: string, options?: object): Promise<{ status: number; arrived: unknown }> {
  const { statusCode, body } = await request(
    `https://127.0.0.1:${rig.gateway.port}/connections/local${SECRET}${query}`,
    {
      dispatcher: agent,
      method: "DELETE",
      headers: { authorization: `Bearer ${token}`, ...(options && { "content-type": "application/json" }) },
      ...(options && { body: JSON.stringify(options) }),
    },
  );
  await body.dump();
  const seen = rig.upstream.seen.find(({ method }) => method === "DELETE");
  return { status: statusCode, arrived: seen && JSON.parse(seen.body) };
}

test("a delete without a body is bound to the version that was judged, and keeps what its query says", async () => {
  const { arrived } = await deleted("?dryRun=All&propagationPolicy=Orphan&gracePeriodSeconds=3");
  expect(arrived).toEqual({
    kind: "DeleteOptions",
    apiVersion: "v1",
    dryRun: ["All"],
    propagationPolicy: "Orphan",
    gracePeriodSeconds: 3,
    preconditions: { resourceVersion: "7" },
  });
});

test.each([{ resourceVersion: null }, { uid: "u" }, null])(
  "a delete's own preconditions %j do not take away ours",
  async (preconditions) => {
    const { arrived } = await deleted("", { dryRun: ["All"], preconditions });
    expect(arrived).toMatchObject({ preconditions: { ...preconditions, resourceVersion: "7" } });
  },
);

test.each(["0", "", "6"])(
  "a delete of the version %j, when another was judged, is refused",
  async (resourceVersion) => {
    expect(await deleted("", { dryRun: ["All"], preconditions: { resourceVersion } })).toEqual({
      status: 409,
      arrived: undefined,
    });
  },
);

test("policy sees the options of a delete that has no body", () => {
  const exchange = {
    req: { method: "DELETE", headers: {} },
    target: `${SECRET}?propagationPolicy=Orphan`,
    identity: {},
    session: { startedAt: 0 },
    connection: {},
  } as unknown as Identified;
  const { input } = classify(exchange, { clock: { now: () => 0 }, dialogues: new Dialogues() } as Deps);
  expect(input.request.options).toEqual({ propagationPolicy: "Orphan" });
});
