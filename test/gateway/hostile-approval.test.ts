import { readFileSync } from "node:fs";
import { Agent, type Dispatcher, request } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Approval } from "../../approvals/types.ts";
import { type Rig, startRig } from "./rig.ts";

let rig: Rig;
let agent: Agent;

beforeAll(async () => {
  rig = await startRig({
    guardrails: {
      profiles: ["baseline"],
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 0 } },
    },
  });
  agent = new Agent({ connect: { ca: readFileSync(rig.caFile, "utf8") } });
  rig.upstream.answer = (_seen, res) => {
    res.setHeader("content-type", "application/json");
    res.end(JSON.stringify({ kind: "Pod", apiVersion: "v1", metadata: { name: "web", uid: "u" }, spec: {} }));
  };
}, 60_000);
afterAll(async () => {
  await agent.close();
  await rig.close();
});

async function call(method: string, path: string, token: string, body?: string | object) {
  const answer = await request(`https://127.0.0.1:${rig.gateway.port}${path}`, {
    dispatcher: agent,
    method: method as Dispatcher.HttpMethod,
    headers: {
      ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined
        ? {}
        : { "content-type": typeof body === "string" ? "application/x-www-form-urlencoded" : "application/json" }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return { status: answer.statusCode, json: (await answer.body.json()) as Record<string, unknown> };
}

/** A session of the agent's, in which it acts for alice. */
async function sessionForAlice(): Promise<string> {
  const type = "urn:ietf:params:oauth:token-type:id_token";
  const form = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await rig.token("alice"),
    subject_token_type: type,
    actor_token: await rig.token("agent"),
    actor_token_type: type,
  });
  const { json } = await call("POST", "/session", "", form.toString());
  return String(json.access_token);
}

async function heldExec(
  token: string,
  command: string[],
  more = "",
): Promise<Approval & { summary: { command: string }; findings: { message: string }[]; seen: string }> {
  const query = command.map((word) => `command=${encodeURIComponent(word)}`).join("&");
  const path = `/connections/local/api/v1/namespaces/shop/pods/web/exec?${query}${more}`;
  expect((await call("POST", path, token)).status).toBe(403);
  const { json } = await call("GET", "/v1alpha1/approvals?state=pending&limit=1", token);
  return (json.items as never[])[0] as never;
}

test("nobody approves what an agent asks in a session that they own themselves", async () => {
  const { name, seen } = await heldExec(await sessionForAlice(), ["id"]);
  const decided = await call("POST", `/v1alpha1/approvals/${name}/approve`, await rig.token("alice", "admin"), {
    seen,
  });
  expect(decided.status).toBe(403);
  expect(decided.json.detail).toContain("are the same person");
});

test("an approval of what an agent asked by itself is not spent in a session that its approver owns", async () => {
  const byItself = await rig.token("agent");
  const { name, seen } = await heldExec(byItself, ["id", "-u"]);
  const approver = await rig.token("alice", "admin");
  expect((await call("POST", `/v1alpha1/approvals/${name}/approve`, approver, { seen })).status).toBe(200);
  const path = "/connections/local/api/v1/namespaces/shop/pods/web/exec?command=id&command=-u";
  expect((await call("POST", path, await sessionForAlice())).status).toBe(403);
  const ran = () => rig.upstream.seen.filter(({ url }) => url.includes("/exec"));
  expect(ran()).toEqual([]);
  await call("POST", path, byItself);
  expect(ran()).toHaveLength(1);
});

test("an approver is shown the whole command of an exec, and where its arguments end", async () => {
  const { summary } = await heldExec(await rig.token("agent"), ["sh", "-c", `${"true;".repeat(400)}rm -rf /`]);
  expect(summary.command).toBe(`sh -c '${"true;".repeat(400)}rm -rf /'`);
});

test("an approver is told where the input of an exec stays open: the shell that it starts runs whatever is typed", async () => {
  const { name } = await heldExec(await rig.token("agent"), ["sh"]);
  const open = await heldExec(await rig.token("agent"), ["sh"], "&stdin=true&tty=true");
  expect(open.name).not.toBe(name);
  expect(open.findings.map(({ message }) => message)).toEqual([expect.stringContaining("with its input open")]);
});
