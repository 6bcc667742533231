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
