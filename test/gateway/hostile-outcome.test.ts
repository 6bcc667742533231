import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { listSegments, readSegment, segmentPath } from "../../audit/spool/segments.ts";
import { cpuTime } from "../clocks.ts";
import { type Rig, type Seen, startRig } from "./rig.ts";

const VALUE = Buffer.from("correct-horse-battery-staple").toString("base64");
const SECRET = "/api/v1/namespaces/shop/secrets/database";
const JSON_PATCH = "application/json-patch+json";
const stored = {
  kind: "Secret",
  apiVersion: "v1",
  metadata: { name: "database", namespace: "shop", uid: "u", resourceVersion: "7" },
  type: "Opaque",
  data: { password: VALUE },
};

let rig: Rig;
let agent: Agent;
let token: string;

beforeAll(async () => {
  rig = await startRig();
  agent = new Agent({ connect: { ca: readFileSync(rig.caFile, "utf8") } });
  token = await rig.token("agent");
}, 60_000);
afterAll(async () => {
  await agent.close();
  await rig.close();
});
beforeEach(() => {
  rig.upstream.seen.length = 0;
});

async function patch(path: string, body: object, contentType: string): Promise<{ status: number; text: string }> {
  const answer = await request(`https://127.0.0.1:${rig.gateway.port}/connections/local${path}`, {
    dispatcher: agent,
    method: "PATCH",
    headers: { authorization: `Bearer ${token}`, "content-type": contentType },
    body: JSON.stringify(body),
  });
  return { status: answer.statusCode, text: await answer.body.text() };
}

/** Reads answer with what is stored; writes as given. */
function upstream(write: (seen: Seen) => [number, object], read: (seen: Seen) => object = () => stored): void {
  rig.upstream.answer = (seen, res) => {
    const [status, body] = seen.method === "GET" ? [200, read(seen)] : write(seen);
    res.writeHead(status, { "content-type": "application/json" });
    res.end(JSON.stringify(body));
  };
}

const writes = (): Seen[] => rig.upstream.seen.filter(({ method }) => method !== "GET");

function spool(): string {
  const path = join(rig.directory, "spool");
  return listSegments(path)
    .flatMap(({ segment }) => readSegment(segmentPath(path, segment), 0, undefined, 1 << 20).frames)
    .map(({ payload }) => payload.toString("utf8"))
    .join("\n");
}

const READING: [string, object[]][] = [
  ["tests a masked value", [{ op: "test", path: "/data/password", value: VALUE }]],
  ["copies one to a label", [{ op: "copy", from: "/data/password", path: "/metadata/labels/x" }]],
  ["moves the whole object", [{ op: "move", from: "", path: "/metadata/annotations/x" }]],
];

test.each(READING)(
  "a JSON patch that %s is refused before the API server is asked for its outcome",
  async (_what, ops) => {
    upstream(() => [200, stored]);
    for (const query of ["", "?dryRun=All"]) {
      const { status, text } = await patch(SECRET + query, ops, JSON_PATCH);
      expect(status).toBe(403);
      expect(text).toContain("request/masked-path");
    }
    expect(writes()).toEqual([]);
  },
);

test("a Secret that the API server quotes in its refusal reaches neither the agent nor the record", async () => {
  upstream(() => [
    422,
    {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: `"" is invalid: patch: Invalid value: "{\\"data\\":{\\"password\\":\\"${VALUE}\\"}}"`,
      reason: "Invalid",
      code: 422,
    },
  ]);
  const { status, text } = await patch(SECRET, [{ op: "replace", path: "/metadata", value: "x" }], JSON_PATCH);
  expect(status).toBe(422);
  expect(text).not.toContain(VALUE);
  await expect.poll(spool).toContain("refused-by-upstream");
  expect(spool()).not.toContain(VALUE);
});

test("a refusal that quotes a megabyte of the caller's words is passed back at once", async () => {
  const message = `Secret "x" is invalid: ${"admission webhook ".repeat(60_000)}`;
  upstream(() => [422, { kind: "Status", apiVersion: "v1", status: "Failure", message, reason: "Invalid", code: 422 }]);
  const took = cpuTime();
  const { status } = await patch(
    "/api/v1/namespaces/shop/pods/web",
    { metadata: { labels: { a: "b" } } },
    "application/merge-patch+json",
  );
  expect(status).toBe(422);
  expect(took()).toBeLessThan(3_000);
});

test.each(["denied the request: no", "does not support dry run"])(
  "a dry run of which a webhook says that it %s leaves the outcome unknown",
  async (words) => {
    const message = `admission webhook "a.example.com" ${words}`;
    upstream(() => [400, { kind: "Status", apiVersion: "v1", status: "Failure", message, code: 400 }]);
    const { status, text } = await patch(
      "/api/v1/namespaces/shop/pods/web",
      { metadata: { labels: { a: "b" } } },
      "application/merge-patch+json",
    );
    expect(status).toBe(403);
    expect(text).toContain("request/outcome-unknown");
  },
);

test("a warning of the API server that quotes a masked value is not passed on, and the gateway's own is", async () => {
  rig.upstream.answer = (seen, res) => {
    if (seen.method !== "GET") res.setHeader("warning", `299 - "Validation failed: leak ${VALUE}"`);
    res.setHeader("content-type", "application/json");
    res.end(JSON.stringify(seen.method === "GET" ? stored : { ...stored, data: { password: "bmV3LXBhc3N3b3Jk" } }));
  };
  const answer = await request(`https://127.0.0.1:${rig.gateway.port}/connections/local${SECRET}?dryRun=All`, {
    dispatcher: agent,
    method: "PATCH",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/merge-patch+json" },
    body: "{}",
  });
  await answer.body.dump();
  expect(answer.statusCode).toBe(200);
  const warnings = [answer.headers.warning ?? []].flat().join("\n");
  expect(warnings).not.toContain(VALUE);
  expect(warnings).toContain("would be held for approval");
});

test("an outcome that never is of the version that is stored is no outcome to judge by", async () => {
  let version = 10;
  upstream(
    () => [200, { ...stored, metadata: { ...stored.metadata, resourceVersion: "1" } }],
    () => ({ ...stored, metadata: { ...stored.metadata, resourceVersion: String(version++) } }),
  );
  const { status } = await patch(SECRET, { metadata: { annotations: { a: "b" } } }, "application/merge-patch+json");
  expect(status).toBe(409);
  expect(writes().every(({ url }) => url.includes("dryRun=All"))).toBe(true);
});

test("the outcome is asked for with all of the query, question marks in it too", async () => {
  upstream(() => [200, stored]);
  await patch(`${SECRET}?fieldManager=a?b&force=true`, { metadata: {} }, "application/merge-patch+json");
  expect(writes()[0]?.url).toBe(`${SECRET}?fieldManager=a?b&force=true&dryRun=All`);
});
