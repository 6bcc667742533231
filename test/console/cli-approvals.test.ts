import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Proposal } from "../../approvals/types.ts";
import { proposal } from "../approvals/embedded.ts";
import { sallyport } from "../cli/run.ts";
import { type ConsoleRig, consoleRig } from "./rig.ts";

let rig: ConsoleRig;
let env: Record<string, string>;
beforeAll(async () => {
  rig = await consoleRig();
  const file = join(rig.folder, "admin-token");
  writeFileSync(file, await rig.token("bob@example.com", { groups: ["oncall"], admin: true }));
  env = {
    SALLYPORT_URL: rig.url,
    SALLYPORT_CA_FILE: rig.caFile,
    SALLYPORT_ADMIN_TOKEN_FILE: file,
    XDG_CONFIG_HOME: rig.folder,
  };
});
afterAll(() => rig?.close());

let n = 0;
async function opened(changes: Partial<Proposal> = {}): Promise<string> {
  const digest = `${++n}`.padEnd(64, "e");
  return (await rig.home.propose(proposal({ digest, notAfter: Date.now() + 900_000, ...changes }))).approval.name;
}

test("approvals list, show and approve do it with an admin token", async () => {
  const name = await opened();
  const list = await sallyport(["approvals", "list", "--state", "pending"], env);
  expect(list).toMatchObject({ code: 0, stdout: expect.stringContaining(name) });
  const show = await sallyport(["approvals", "show", name], env);
  expect(show.stdout).toContain('          hostPath:\n  +         path: "/"\n');
  const approve = await sallyport(["approvals", "approve", name, "--yes", "--reason", "fine"], env);
  expect(approve).toEqual({ code: 0, stdout: `${name} is approved\n`, stderr: "" });
  expect(await rig.home.get(name)).toMatchObject({ state: "approved", approvals: [{ reason: "fine" }] });
  expect(await sallyport(["approvals", "approve", name, "--yes"], env)).toMatchObject({ code: 1 });
});

test("with --output json the answer is the approval", async () => {
  const name = await opened();
  const { stdout } = await sallyport(["--output", "json", "approvals", "show", name], env);
  expect(JSON.parse(stdout)).toMatchObject({ name, state: "pending", seen: expect.stringMatching(/^[0-9a-f]{64}$/) });
});

test("without --yes and a terminal nothing is decided", async () => {
  const name = await opened();
  expect(await sallyport(["approvals", "approve", name], env)).toMatchObject({ code: 2 });
  expect((await rig.home.get(name))?.state).toBe("pending");
});

test("a denial without a reason is wrong usage; with one it is told", async () => {
  const name = await opened();
  expect(await sallyport(["approvals", "deny", name, "--yes"], env)).toMatchObject({ code: 2 });
  expect(await sallyport(["approvals", "deny", name, "--yes", "--reason", "no"], env)).toMatchObject({
    code: 0,
    stdout: `${name} is denied\n`,
  });
});

test("another file than the one seen before is a no", async () => {
  const name = await opened();
  const args = ["approvals", "approve", name, "--yes", "--seen", "0".repeat(64)];
  expect(await sallyport(args, env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("not the one that is proposed"),
  });
});

test("an approval that is not there is a no, and no admin token at all says how to get one", async () => {
  expect(await sallyport(["approvals", "show", "0000000000000000-1"], env)).toMatchObject({ code: 1 });
  const { SALLYPORT_ADMIN_TOKEN_FILE: _, ...without } = env;
  const denied = await sallyport(["approvals", "approve", await opened(), "--yes"], without);
  expect(denied).toMatchObject({ code: 1, stderr: expect.stringContaining("sallyport login") });
});

test("agent text cannot move the terminal's cursor", async () => {
  const evil = "\u001b[2J\u202eabc\nstate         approved";
  const name = await opened({
    summary: { ...proposal().summary, reason: evil, agent: evil },
    changes: [{ path: evil, to: evil }],
  });
  const { stdout } = await sallyport(["approvals", "show", name], env);
  expect(stdout).not.toMatch(/[^\P{C}\n]/u);
  expect(stdout.split("\n").filter((line) => line.startsWith("state "))).toEqual(["state         pending"]);
});

test("revoke takes an approval back, and break-glass lets a request through to be reviewed", async () => {
  const back = await opened();
  await sallyport(["approvals", "approve", back, "--yes"], env);
  expect(await sallyport(["approvals", "revoke", back, "--yes"], env)).toMatchObject({ code: 2 });
  expect(await sallyport(["approvals", "revoke", back, "--yes", "--reason", "too wide"], env)).toMatchObject({
    code: 0,
    stdout: `${back} is revoked\n`,
  });
  expect((await rig.home.get(back))?.ended).toMatchObject({ by: "corp:bob@example.com", reason: "too wide" });
  const urgent = await opened();
  const args = ["approvals", "break-glass", urgent, "--yes", "--reason", "an outage"];
  expect(await sallyport(args, env)).toMatchObject({ code: 1, stderr: expect.stringContaining("role breakGlass") });
  expect(await sallyport(args, await as("dora@example.com"))).toMatchObject({
    code: 0,
    stdout: `${urgent} is approved\n`,
  });
  expect(await sallyport(["approvals", "approve", urgent, "--yes", "--reason", "it was one"], env)).toMatchObject({
    code: 0,
  });
  expect((await rig.home.get(urgent))?.breakGlass).toMatchObject({
    by: { username: "corp:dora@example.com", reason: "an outage" },
    review: { username: "corp:bob@example.com", verdict: "accepted" },
  });
});

test("status says how the repository is, and reset is of who has the role approver", async () => {
  const dora = await as("dora@example.com");
  expect(await sallyport(["approvals", "status"], dora)).toMatchObject({
    code: 0,
    stdout: expect.stringContaining("nothing to do"),
  });
  const commit = "0".repeat(40);
  const args = ["approvals", "reset", "--commit", commit, "--reason", "it was cleaned up"];
  expect(await sallyport(args, env)).toMatchObject({ code: 1, stderr: expect.stringContaining("role approver") });
  // Nothing was rewritten, and no such commit is main.
  expect(await sallyport(args, dora)).toMatchObject({ code: 1 });
});

test("sessions kill ends a session, and what it has waiting", async () => {
  const name = await opened({ requester: { issuer: "corp", username: "corp:agent-alice", session: "s-killed" } });
  const args = ["sessions", "kill", "s-killed", "--reason", "it went astray"];
  expect(await sallyport(args, env)).toMatchObject({ code: 1 });
  expect(await sallyport(args, await as("dora@example.com"))).toMatchObject({
    code: 0,
    stdout: "session s-killed is killed\n",
  });
  expect(await rig.home.get(name)).toMatchObject({ state: "cancelled" });
});

test("sessions hold keeps a session, release lets it go, and both are the auditors' and on record", async () => {
  await rig.recorder.recordDurably({ kind: "session.opened", session_id: "s-held", at_ms: Date.now() });
  await rig.recorder.flush({ toStore: true });
  const auditor = await as("carol@example.com", ["audit"]);
  const hold = ["sessions", "hold", "s-held", "--reason", "case 7"];
  const release = ["sessions", "release", "s-held", "--reason", "it is closed"];
  expect(await sallyport(hold, env)).toMatchObject({ code: 1, stderr: expect.stringContaining("role auditor") });
  expect(await sallyport(release, auditor)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no legal hold"),
  });
  expect(await sallyport(hold, auditor)).toMatchObject({ code: 0, stdout: "session s-held is under legal hold\n" });
  await rig.recorder.flush({ toStore: true });
  expect(await rig.recorder.query("SELECT session_id, held, by, reason FROM legal_holds")).toEqual([
    { session_id: "s-held", held: 1, by: "corp:carol@example.com", reason: "case 7" },
  ]);
  expect(await sallyport(release, auditor)).toMatchObject({ code: 0 });
  await rig.recorder.flush({ toStore: true });
  expect(await rig.recorder.query("SELECT held, reason FROM legal_holds")).toEqual([
    { held: 0, reason: "it is closed" },
  ]);
  const elsewhere = ["sessions", "hold", "s-nobody", "--reason", "case 7"];
  expect(await sallyport(elsewhere, auditor)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no such thing"),
  });
});

test("what is decided together is shown together, and approved with one word", async () => {
  const names = [await opened({ batch: true }), await opened({ batch: true })];
  const [name = ""] = names;
  const show = await sallyport(["approvals", "show", name], env);
  for (const one of names) expect(show.stdout).toContain(`approval      ${one}`);
  expect(await sallyport(["approvals", "approve", name, "--yes"], env)).toMatchObject({ code: 0 });
  for (const one of names) expect((await rig.home.get(one))?.state).toBe("approved");
});

/** The environment of somebody else who approves. */
async function as(email: string, groups = ["oncall"]): Promise<Record<string, string>> {
  const file = join(rig.folder, email);
  writeFileSync(file, await rig.token(email, { groups, admin: true }));
  return { ...env, SALLYPORT_ADMIN_TOKEN_FILE: file };
}
