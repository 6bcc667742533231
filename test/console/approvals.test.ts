import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Repository } from "../../approvals/git/repository.ts";
import type { Proposal } from "../../approvals/types.ts";
import { proposal } from "../approvals/embedded.ts";
import { type ConsoleRig, consoleRig } from "./rig.ts";

let rig: ConsoleRig;
beforeAll(async () => {
  rig = await consoleRig();
});
afterAll(() => rig?.close());

const mainTip = () => new Repository(join(rig.folder, "exceptions.git")).ref("refs/heads/main");

let n = 0;
async function opened(changes: Partial<Proposal> = {}) {
  const digest = (++n).toString(16).padStart(64, "f");
  return (
    await rig.home.propose(
      proposal({
        digest: digest.split("").reverse().join(""),
        notAfter: Date.now() + 900_000,
        requester: { issuer: "corp", username: "corp:agent-alice", session: `s-${n}` },
        ...changes,
      }),
    )
  ).approval;
}
const bob = (admin: boolean, claims: object = {}) =>
  rig.token("bob@example.com", { groups: ["oncall"], admin, claims });
const path = (name: string, verb = "") => `/v1alpha1/approvals/${name}${verb}`;

test("an approver lists, shows and approves with an admin token", async () => {
  const { name } = await opened();
  const token = await bob(true);
  const list = await rig.call("GET", "/v1alpha1/approvals?state=pending", { token });
  expect(list.json.items.map((item: { name: string }) => item.name)).toContain(name);
  const shown = await rig.call("GET", path(name), { token });
  expect(shown.json).toMatchObject({ state: "pending", summary: { command: "kubectl create pod p" } });
  const body = { seen: shown.json.seen, reason: "fine" };
  const approved = await rig.call("POST", path(name, "/approve"), { token, body });
  expect(approved).toMatchObject({
    status: 200,
    json: { state: "approved", approvals: [{ username: "corp:bob@example.com", issuer: "corp", reason: "fine" }] },
  });
});

test("a data-path ID token, a session token, an actor's and an old login's token decide nothing", async () => {
  const { name } = await opened();
  const { json } = await rig.call("GET", path(name), { token: await bob(true) });
  const form = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await bob(false),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  });
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  const session = await rig.call("POST", "/session", { headers, body: String(form) });
  expect(session.status).toBe(200);
  const tokens = [
    await bob(false),
    session.json.access_token,
    await bob(true, { act: { sub: "agent" } }),
    await bob(true, { auth_time: Math.floor(Date.now() / 1000) - 3600 }),
    await bob(true, { auth_time: undefined }),
    "",
    undefined,
  ];
  for (const token of tokens) {
    for (const verb of ["/approve", "/deny"]) {
      const answer = await rig.call("POST", path(name, verb), { token, body: { seen: json.seen, reason: "x" } });
      expect([401, 403]).toContain(answer.status);
      expect(answer.headers["content-type"]).toBe("application/problem+json");
    }
  }
  expect((await rig.home.get(name))?.state).toBe("pending");
});

test("an agent that has the role approver does not say that a rewritten main is right", async () => {
  const body = { commit: (await mainTip()) ?? "", reason: "trust me" };
  const reset = async (email: string) =>
    rig.call("POST", "/v1alpha1/approvals-repository/reset", { token: await rig.token(email, { admin: true }), body });
  expect((await reset("agent-alice")).json).toMatchObject({ status: 403, code: "forbidden" });
  expect((await reset("dora@example.com")).status).toBe(200);
});

test("a denial needs a reason, and is told", async () => {
  const { name } = await opened();
  const token = await bob(true);
  for (const body of [{}, { reason: " " }]) {
    expect(await rig.call("POST", path(name, "/deny"), { token, body })).toMatchObject({ status: 400 });
  }
  const denied = await rig.call("POST", path(name, "/deny"), { token, body: { reason: "use a PVC" } });
  expect(denied.json).toMatchObject({ state: "denied", denial: { reason: "use a PVC" } });
});

test("approving another file than the one proposed is a 409, and without seen it is a 400", async () => {
  const { name } = await opened();
  const token = await bob(true);
  const answer = await rig.call("POST", path(name, "/approve"), { token, body: { seen: "0".repeat(64) } });
  expect(answer.json).toMatchObject({ status: 409, code: "conflict" });
  expect(await rig.call("POST", path(name, "/approve"), { token, body: {} })).toMatchObject({ status: 400 });
});

test("the person whose agent asked is refused with the reason", async () => {
  const { name } = await opened();
  const token = await rig.token("alice@example.com", { groups: ["oncall"], admin: true });
  const { json } = await rig.call("GET", path(name), { token });
  const answer = await rig.call("POST", path(name, "/approve"), { token, body: { seen: json.seen } });
  expect(answer.json).toMatchObject({ status: 403, code: "forbidden", detail: expect.stringContaining("same person") });
});

test("an approval of others is the same 404 as one that is not there", async () => {
  const { name } = await opened();
  const token = await rig.token("carol@example.com");
  const other = await rig.call("GET", path(name), { token });
  const none = await rig.call("GET", path("0000000000000000-1"), { token });
  expect(other.status).toBe(404);
  expect(other.text).toBe(none.text);
  expect(Object.keys(other.headers)).toEqual(Object.keys(none.headers));
  expect((await rig.call("GET", "/v1alpha1/approvals", { token })).json).toEqual({ items: [], continue: "" });
  const admin = await rig.token("carol@example.com", { admin: true });
  const body = { seen: "0".repeat(64), reason: "x" };
  for (const verb of ["/approve", "/deny"]) {
    const a = await rig.call("POST", path(name, verb), { token: admin, body });
    expect(a).toMatchObject({ status: 404 });
    expect(a.text).toBe((await rig.call("POST", path("0000000000000000-1", verb), { token: admin, body })).text);
  }
});

test("the requester sees their own proposal with a data-path token", async () => {
  const requester = { issuer: "corp", username: "corp:dave@example.com", session: "s" };
  const { name } = await opened({ requester });
  expect(await rig.call("GET", path(name), { token: await rig.token("dave@example.com") })).toMatchObject({
    status: 200,
  });
});

test("the page without a token shows the state and the rules, and nothing of the change", async () => {
  const { name } = await opened();
  const answer = await rig.call("GET", `/approvals/${name}`, { headers: { accept: "text/html,*/*" } });
  expect(answer.status).toBe(200);
  expect(answer.text).toContain("workload/host-path");
  expect(answer.text).toContain(`sallyport approvals approve ${name}`);
  for (const secret of ["agent-alice", "kubectl create pod", "hostPath", "debugging", "corp:"]) {
    expect(answer.text).not.toContain(secret);
  }
  const json = await rig.call("GET", `/approvals/${name}`, { headers: { accept: "application/json" } });
  expect(Object.keys(json.json).sort()).toEqual(["name", "notAfter", "openedAt", "rules", "state", "url"]);
});

test("the page can run nothing, load nothing and be framed by nobody", async () => {
  const { name } = await opened();
  const { headers } = await rig.call("GET", `/approvals/${name}`, { headers: { accept: "text/html" } });
  expect(headers["content-security-policy"]).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; /);
  expect(headers["content-security-policy"]).toContain("frame-ancestors 'none'");
  expect(headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  });
});

const HOSTILE = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "</pre></dd><h1>Approved</h1>",
  "&lt;b&gt;",
  "javascript:alert(1)",
  "abc\u202ecba\u200b\u0000",
  "](http://evil.test) @team fixes #1 <!-- x -->",
];

test.each(HOSTILE)("text %j stays text on the page", async (evil) => {
  const summary = { ...proposal().summary, reason: evil, agent: evil, command: evil, name: evil };
  const findings = [{ rule: "workload/host-path", message: evil, severity: "high", fields: [evil] }];
  const { name } = await opened({ summary, findings, changes: [{ path: evil, from: evil, to: { [evil]: evil } }] });
  const token = await bob(true);
  const { text } = await rig.call("GET", `/approvals/${name}`, { token, headers: { accept: "text/html" } });
  expect(text).toContain("<h2>What changes</h2>");
  const tags = text.replace(/<style>.*?<\/style>/s, "").match(/<[^>]*>/g) ?? [];
  const plain =
    /^<(!doctype html|\/?(html|head|body|title|h1|h2|p|dl|dt|dd|pre|ul|li|ins|del|style)|html lang="en"|meta charset="utf-8")>$/;
  expect(tags.filter((tag) => !plain.test(tag))).toEqual([]);
  expect(text).not.toContain("<h1>Approved</h1>");
  expect(text).not.toMatch(/[\u202a-\u202e\u200b\0]/);
});

test("a page that is not there is a 404 page, and says no more", async () => {
  const answer = await rig.call("GET", "/approvals/0000000000000000-1", { headers: { accept: "text/html" } });
  expect(answer.status).toBe(404);
  expect(answer.headers["content-type"]).toContain("text/html");
});
