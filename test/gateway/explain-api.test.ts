import { beforeAll, describe, expect, test } from "vitest";
import { type Reply, send } from "./client.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let agent: string;
let auditor: string;
useRig(
  (opened) => {
    ({ rig, token: agent } = opened);
  },
  {
    guardrails: {
      defaults: { approval: { approvers: ["group:dev:sre"] } },
      scopes: [
        {
          name: "mine",
          match: { users: ["dev:agent@example.com"], connections: ["local"] },
          rules: { "access/exec": { effect: "deny" } },
        },
      ],
    },
  },
);
beforeAll(async () => {
  auditor = await rig.token("alice");
});

const EXEC = { id: "x", method: "GET", path: "/api/v1/namespaces/shop/pods/web/exec?command=sh", connection: "local" };
const explain = (body: unknown, token?: string): Promise<Reply> =>
  send(rig, "POST", "/v1alpha1/policy/explain", {
    ...(token === undefined ? {} : { token }),
    body: JSON.stringify(body),
  });

describe("POST /v1alpha1/policy/explain", () => {
  test("answers one request as the caller, by the policy in force, and asks no cluster", async () => {
    const reply = await explain(EXEC, agent);
    expect(reply).toMatchObject({
      status: 200,
      json: {
        id: "x",
        effect: "deny",
        findings: [{ rule: "access/exec" }],
        revision: { guardrails: expect.any(String) },
      },
    });
    expect(rig.upstream.seen).toEqual([]);
  });

  test("says what somebody else may do to auditors alone", async () => {
    const asked = { ...EXEC, user: { username: "dev:somebody" } };
    expect(await explain(asked, agent)).toMatchObject({ status: 403, json: { code: "forbidden" } });
    expect(
      await explain({ ...EXEC, exceptions: [{ name: "e", rules: ["access/exec"], unmask: false }] }, agent),
    ).toMatchObject({ status: 403 });
    expect(await explain(asked, auditor)).toMatchObject({ status: 200, json: { effect: "hold" } });
  });

  test("is for nobody without a token, whatever the body", async () => {
    expect(await explain("x".repeat(1_000_000))).toMatchObject({ status: 401, json: { code: "unauthenticated" } });
  });

  test.for<[string, unknown, number, RegExp]>([
    ["a key that there is not", { ...EXEC, pathh: "/x" }, 400, /pathh: unknown key; did you mean \\?"path/],
    ["no path", { method: "GET" }, 400, /path/],
    ["a list", [EXEC], 400, /object/],
  ])("refuses %s in words", async ([, body, status, words]) => {
    const reply = await explain(body, agent);
    expect(reply.status).toBe(status);
    expect(reply.text).toMatch(words);
  });

  test("takes no more than its cap", async () => {
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ ...EXEC, body: "x".repeat(11 * 1024 * 1024) });
    const reply = await send(rig, "POST", "/v1alpha1/policy/explain", { token: agent, headers, body, http: 1 });
    expect(reply.status).toBe(413);
    const large = await explain(
      { method: "POST", path: "/api/v1/namespaces/a/pods", body: "x".repeat(4 * 1024 * 1024) },
      agent,
    );
    expect(large).toMatchObject({
      status: 200,
      json: { effect: "deny", findings: [{ rule: "request/body-too-large" }] },
    });
  });

  test("is not made to hold a patch that doubles the object with each operation", async () => {
    const body = Array.from({ length: 64 }, (_, i) => ({ op: "copy", from: "", path: `/copy${i}` }));
    const spec = { template: { spec: { containers: [{ name: "web", image: "web:1" }] } } };
    const asked = {
      method: "PATCH",
      path: "/apis/apps/v1/namespaces/shop/deployments/web",
      contentType: "application/json-patch+json",
      body,
      oldObject: { metadata: { name: "web" }, spec },
    };
    expect(await explain(asked, agent)).toMatchObject({
      status: 200,
      json: {
        effect: "deny",
        findings: [{ rule: "request/outcome-unknown", message: expect.stringContaining("copies and moves too much") }],
      },
    });
  });

  test("denies what is nested deeper than it can be read", async () => {
    const deep = `${'{"a":'.repeat(50_000)}{}${"}".repeat(50_000)}`;
    const patch = { contentType: "application/json-patch+json", body: [{ op: "add", path: "/x", value: 1 }] };
    const asked = JSON.stringify({ method: "PATCH", path: "/apis/apps/v1/namespaces/shop/deployments/web", ...patch });
    const body = `${asked.slice(0, -1)},"oldObject":${deep}}`;
    const reply = await send(rig, "POST", "/v1alpha1/policy/explain", { token: agent, body });
    expect(reply).toMatchObject({ status: 200, json: { effect: "deny" } });
  });

  test.for<[string, object]>([
    ["a million role rules that are none", { roleRules: Array.from({ length: 1_000_000 }, () => 0) }],
    ["ten thousand keys", Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`key${i}`, 0]))],
    ["a key of a megabyte", { ["x".repeat(1_000_000)]: 0 }],
  ])("says in a few words what is wrong with %s", async ([, wrong]) => {
    const reply = await explain({ ...EXEC, ...wrong }, agent);
    expect(reply.status).toBe(400);
    expect(reply.text.length).toBeLessThan(10_000);
  });
});
