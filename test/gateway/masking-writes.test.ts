import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openStoreReader } from "../../audit/store/open.ts";
import { kube, spooled, until } from "./client.ts";
import { answerJson, realWrites } from "./cluster.ts";
import { type Rig, startRig } from "./rig.ts";
import { ENCODED, expectNoValue, MASKED, SECRETS, secret, VALUE } from "./secret.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  {
    guardrails: {
      defaults: { record: "RequestResponse", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } },
      scopes: [{ name: "all", rules: { "secrets/list": { effect: "mask" }, "secrets/write": { effect: "record" } } }],
    },
  },
);

const answerWith = (write: (res: ServerResponse) => void): void => {
  rig.upstream.answer = (_seen, res) => write(res);
};

describe("writes of what is masked", () => {
  test("a placeholder that is written back gets 422 and names the field", async () => {
    const body = { ...secret(), data: { password: MASKED } };
    const reply = await kube(rig, "PUT", `${SECRETS}/db`, { token, body });
    expect(reply.status).toBe(422);
    expect(reply.text).toContain("data.password");
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test.each([
    ["test", [{ op: "test", path: "/data/password", value: "Z3Vlc3M=" }]],
    ["test of a parent", [{ op: "test", path: "/data", value: {} }]],
    ["copy", [{ op: "copy", from: "/data/password", path: "/metadata/annotations/a" }]],
    ["move", [{ op: "move", from: "/data/password", path: "/metadata/labels/a" }]],
  ])("JSON patch copy, test [M]: %s at a masked path is refused, under dryRun too", async (_title, operations) => {
    answerWith((res) => answerJson(res, 200, secret()));
    for (const query of ["", "?dryRun=All"]) {
      const headers = { "content-type": "application/json-patch+json" };
      const reply = await kube(rig, "PATCH", `${SECRETS}/db${query}`, {
        token,
        headers,
        body: JSON.stringify(operations),
      });
      expect(reply.status).toBe(403);
      expectNoValue(reply.text);
    }
    expect(realWrites(rig.upstream)).toEqual([]);
  });

  test("the answer to a write is masked", async () => {
    answerWith((res) => answerJson(res, 200, secret()));
    const headers = { "content-type": "application/merge-patch+json" };
    const reply = await kube(rig, "PATCH", `${SECRETS}/db`, {
      token,
      headers,
      body: { metadata: { labels: { a: "b" } } },
    });
    expect(reply.status).toBe(200);
    expectNoValue(reply.text);
  });
});

test("a masked value is nowhere on record: not in the spool, the store or the approvals, at record RequestResponse", async () => {
  answerWith((res) => answerJson(res, 200, secret()));
  await kube(rig, "GET", `${SECRETS}/db`, { token });
  await kube(rig, "PUT", `${SECRETS}/db`, { token, body: secret() });
  const stringData = { stringData: { password: VALUE }, data: null };
  await kube(rig, "PUT", `${SECRETS}/db`, { token, body: { ...secret(), ...stringData } });
  const patch = JSON.stringify([{ op: "replace", path: "/data/password", value: ENCODED }]);
  const headers = { "content-type": "application/json-patch+json" };
  await kube(rig, "PATCH", `${SECRETS}/db`, { token, headers, body: patch });
  const id = String(rig.upstream.seen.at(-1)?.headers["audit-id"]);
  await until(() => spooled(rig).some((row) => row.exchange_id === id && row.kind === "request.outcome"));
  const rows = spooled(rig);
  expect(rows.filter((row) => row.response_body !== "").length).toBeGreaterThanOrEqual(3);
  expect(rows.find((row) => row.kind === "request.outcome" && row.verb === "get")?.masked_fields).toContain(
    "data.password",
  );
  const spool = join(rig.directory, "spool");
  const files = readdirSync(spool).map((file) => readFileSync(join(spool, file), "latin1"));
  // What was masked stands there readable, so that the search would find what was not.
  expect(files.some((text) => text.includes(MASKED))).toBe(true);
  for (const text of files) expectNoValue(text);
  const git = ["-C", join(rig.directory, "policy-exceptions.git"), "cat-file", "--batch", "--batch-all-objects"];
  expectNoValue(execFileSync("git", git).toString("latin1"));
});

test("a masked value is not in the store either", async () => {
  const own = await startRig({
    guardrails: { defaults: { record: "RequestResponse", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } } },
  });
  const store = join(own.directory, "clickhouse");
  try {
    const agent = await own.token("agent");
    own.upstream.answer = (_seen, res) => answerJson(res, 200, secret());
    await kube(own, "GET", `${SECRETS}/db`, { token: agent });
    await kube(own, "PUT", `${SECRETS}/db?dryRun=All`, { token: agent, body: secret() });
    await own.gateway.close();
    const reader = await openStoreReader({ embedded: store });
    try {
      const bodies = await reader.query<object>("SELECT * FROM bodies");
      const events = await reader.query<object>("SELECT * FROM events");
      expect(JSON.stringify(bodies)).toContain("sallyport-masked");
      expect(events.length).toBeGreaterThan(3);
      expectNoValue(JSON.stringify([bodies, events]));
    } finally {
      await reader.close();
    }
  } finally {
    await own.close();
  }
});
