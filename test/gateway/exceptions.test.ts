import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { standingFile } from "../approvals/standing-files.ts";
import { type Ran, sallyport } from "../cli/run.ts";
import { kube, type Reply, send, spooled, until } from "./client.ts";
import { serveObjects } from "./cluster.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let agent: string;
useRig(
  (opened) => {
    rig = opened.rig;
    agent = opened.token;
  },
  {
    change: (config) => {
      (config.roles as { approver: string[] }).approver.push("user:dev:bob@example.com");
    },
    guardrails: {
      profiles: ["baseline"],
      defaults: { approval: { approvers: ["group:dev:sre"], required: 1, holdSeconds: 0 } },
      exceptions: { maxLifeDays: 14 },
      rules: { "workload/host-network": { effect: "deny", absolute: true } },
    },
  },
);

const pod = (spec: object = {}): object => ({
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "collector" },
  spec: { containers: [{ name: "a", image: "b" }], volumes: [{ name: "v", hostPath: { path: "/var/log" } }], ...spec },
});
const create = (body = pod()): Promise<Reply> =>
  kube(rig, "POST", "/api/v1/namespaces/shop/pods", { token: agent, body });

/** The command line of somebody with a token of their own: an ID token, or one for deciding. */
async function run(login: string, args: string[], audience: "data" | "admin" = "data"): Promise<Ran> {
  const file = join(rig.directory, `${login}.${audience}`);
  writeFileSync(file, await rig.token(login, audience));
  return sallyport(args, {
    SALLYPORT_URL: rig.gateway.url,
    SALLYPORT_CA_FILE: rig.caFile,
    SALLYPORT_CONNECTION: "local",
    XDG_CONFIG_HOME: rig.directory,
    ...(audience === "data" ? { SALLYPORT_ID_TOKEN_FILE: file } : { SALLYPORT_ADMIN_TOKEN_FILE: file }),
  });
}

/** The id that the refusal of a request names, once the record can be asked for it. */
async function refused(reply: Reply): Promise<string> {
  expect(reply.status).toBe(403);
  const decision = await until(async () => {
    const events = (await spooled(rig)).filter(({ exchange_id }) => exchange_id === reply.headers["audit-id"]);
    const payloads = events.map(({ payload }) => (typeof payload === "string" ? JSON.parse(payload) : payload));
    return (payloads as { decisionId?: string }[]).find(({ decisionId }) => decisionId !== undefined)?.decisionId;
  });
  await until(async () => {
    const { status } = await send(rig, "GET", `/v1alpha1/decisions/${decision}`, { token: agent });
    return status === 200 || undefined;
  });
  return decision;
}

test("an exception for a refused request is written, checked, applied by another person, used and taken back", {
  timeout: 60_000,
}, async () => {
  serveObjects(rig.upstream);
  const decision = await refused(await create());
  const out = join(rig.directory, "collector.yaml");
  const args = ["exceptions", "new", "--from", decision, "--owner", "user:dev:bob@example.com", "--name", "collector"];
  expect((await run("agent", [...args, "--out", out, "--days", "15"])).stderr).toContain("more than 14 days");
  expect(await run("agent", [...args, "--out", out, "--reason", "it reads logs"])).toMatchObject({ code: 0 });
  expect(parse(readFileSync(out, "utf8")).spec).toMatchObject({
    rules: ["workload/host-path"],
    subjects: [{ username: "dev:agent@example.com" }],
    match: { connection: "local", verbs: ["create"], resources: ["/pods"], namespaces: ["shop"], names: ["collector"] },
    unmask: false,
    reason: "it reads logs",
  });
  const people = join(rig.directory, "people.yaml");
  writeFileSync(people, "people: [{identities: ['dev:bob@example.com']}]\n");
  const check = ["exceptions", "check", "--guardrails", rig.guardrailsFile, "--people", people, out];
  expect(await sallyport(check)).toMatchObject({ code: 0 });

  const apply = ["exceptions", "apply", "--yes", "--reason", "fine", out];
  const own = await run("bob", apply, "admin");
  expect(own).toMatchObject({ code: 1 });
  expect(own.stderr).toContain("nobody applies an exception for themselves");
  expect(await run("alice", apply, "admin")).toMatchObject({ code: 0 });
  expect((await create()).status).toBe(201);
  expect((await create(pod({ hostPID: true }))).status).toBe(403);
  expect((await run("agent", ["exceptions", "list"])).stdout).toMatch(
    /collector .*workload\/host-path.*user:dev:agent/,
  );

  const revoke = ["exceptions", "revoke", "collector", "--reason", "no longer"];
  expect((await run("bob", revoke, "admin")).code).toBe(0);
  serveObjects(rig.upstream);
  expect((await create()).status).toBe(403);
  const kinds = (await spooled(rig)).filter(({ approval_id }) => approval_id === "collector").map(({ kind }) => kind);
  expect(kinds).toEqual(["approval.approved", "approval.revoked"]);
});

test("no exception is written for what an absolute rule stopped", {
  timeout: 60_000,
}, async () => {
  serveObjects(rig.upstream);
  const decision = await refused(await create(pod({ hostNetwork: true })));
  const answer = await run("agent", ["exceptions", "new", "--from", decision]);
  expect(answer).toMatchObject({ code: 1, stdout: "" });
  expect(answer.stderr).toContain("no exception lifts workload/host-network");
});

test.for([
  ["a data-path token", "alice", "data", 401],
  ["an approver's, with a file that is not valid", "alice", "admin", 400],
  ["an admin token without the role", "agent", "admin", 403],
] as const)("applying with %s changes nothing", async ([, login, audience, status]) => {
  const token = await rig.token(login, audience);
  const body = { file: "spec: {", reason: "x" };
  const reply = await send(rig, "POST", "/v1alpha1/exceptions/bad/apply", { token, body });
  expect(reply.status).toBe(status);
  if (status === 400) expect(reply.json?.errors).toEqual([expect.stringContaining("line ")]);
  const listed = await send(rig, "GET", "/v1alpha1/exceptions", { token: await rig.token("alice") });
  expect(listed.json).toMatchObject({ items: [], malformed: [], limits: { maxLifeDays: 14 } });
});

test("a list of exceptions is read page by page, in order of their names", async () => {
  const token = await rig.token("alice", "admin");
  for (const name of ["page-c", "page-a", "page", "page-b"]) {
    const file = standingFile(name, {
      requestedBy: { issuer: "dev", username: "dev:bob@example.com", session: "" },
      notAfter: new Date(Date.now() + 86_400_000).toISOString(),
    });
    const body = { file, reason: "as the test says" };
    expect((await send(rig, "POST", `/v1alpha1/exceptions/${name}/apply`, { token, body })).status).toBe(200);
  }
  const page = async (query: string) => (await send(rig, "GET", `/v1alpha1/exceptions?${query}`, { token })).json;
  expect(await page("limit=2")).toMatchObject({ items: [{ name: "page" }, { name: "page-a" }], continue: "page-a" });
  expect(await page("limit=2&continue=page-a")).toMatchObject({
    items: [{ name: "page-b" }, { name: "page-c" }],
    continue: "",
  });
  const others = await send(rig, "GET", "/v1alpha1/exceptions", { token: agent });
  expect(others.json).toMatchObject({ items: [], continue: "" });
});
