import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { renderException } from "../../approvals/exception.ts";
import { signedCommit } from "../../approvals/git/commits.ts";
import type { GitRecord } from "../../approvals/git/records.ts";
import { Repository } from "../../approvals/git/repository.ts";
import { readMergeKey } from "../../approvals/git/ssh-signature.ts";
import { sha256 } from "../../base/digest.ts";
import { approved, bob, DIGEST, newMergeKey, opened, proposal, type Rig, rig, START, seen } from "./embedded.ts";

const NAME = "aaaaaaaaaaaaaaaa-1";

/** Puts a file on main by a commit of one's own, as whoever can write the folder could. */
function commitOnMain({ git }: Rig, name: string, text: string): void {
  const blob = git(["hash-object", "-w", "--stdin"], text);
  const folder = git(["mktree"], `100644 blob ${blob}\t${name}.yaml\n`);
  const tree = git(["mktree"], `040000 tree ${folder}\texceptions\n`);
  git([
    "update-ref",
    "refs/heads/main",
    git(["commit-tree", tree, "-p", "refs/heads/main", "-m", "approved, trust me"]),
  ]);
}

test("a file that somebody puts on main approves nothing, at once and after a restart", async () => {
  const r = await rig();
  commitOnMain(r, NAME, renderException(NAME, proposal()));
  for (const home of [r.home, await r.open()]) {
    expect(await home.find(DIGEST)).toBeUndefined();
    expect(await home.use(NAME, "x-1")).toEqual({ ok: false, reason: "not-approved" });
  }
});

test("merging a pending branch by hand approves nothing, and the proposal stays pending", async () => {
  const r = await rig();
  const { name } = await opened(r.home);
  const branch = `refs/heads/sallyport/${DIGEST}`;
  const merge = r.git(["commit-tree", `${branch}^{tree}`, "-p", "refs/heads/main", "-p", branch, "-m", "Merge"]);
  r.git(["update-ref", "refs/heads/main", merge]);
  r.git(["update-ref", `refs/sallyport/settled/${name}`, merge]);
  r.git(["update-ref", "-d", branch]);
  expect((await r.home.find(DIGEST))?.state).toBe("pending");
  await r.home.close();
  const again = await r.open();
  expect(await again.find(DIGEST)).toBeUndefined();
  expect(await again.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
});

test("a merge that another key signed approves nothing", async () => {
  const r = await rig();
  const approval = await opened(r.home);
  await r.home.close();
  const main = r.git(["rev-parse", "refs/heads/main"]);
  const branch = r.git(["rev-parse", `refs/heads/sallyport/${DIGEST}`]);
  const tree = r.git(["rev-parse", `${branch}^{tree}`]);
  const vote = { issuer: "corp", username: bob.username, groups: ["corp:oncall"], at: START, reason: "" };
  const record: GitRecord = { kind: "merge", name: NAME, at: START, file: sha256(approval.file), approvals: [vote] };
  const outcome = async (keyFile: string): Promise<string | undefined> => {
    const text = signedCommit(readMergeKey(keyFile), tree, [main, branch], START, record);
    const merge = r.git(["hash-object", "-w", "-t", "commit", "--stdin"], text);
    r.git(["update-ref", "refs/heads/main", merge]);
    r.git(["update-ref", `refs/sallyport/settled/${NAME}`, merge]);
    const home = await r.open();
    return (await home.find(DIGEST))?.state;
  };
  expect(await outcome(newMergeKey(r.path, "other.pem"))).toBeUndefined();
  // The same commit by the gateway's own key is what an approval is: the test above can fail.
  expect(await outcome(r.mergeKeyFile)).toBe("approved");
});

test("a proposal that the gateway did not sign is not there to approve, and does not hold the lock", async () => {
  const r = await rig();
  const { name } = await opened(r.home);
  await r.home.close();
  const branch = `refs/heads/sallyport/${DIGEST}`;
  const forged = r.git(["cat-file", "commit", branch]).replace(/gpgsig(.|\n)*?END SSH SIGNATURE-----\n/, "");
  r.git(["update-ref", branch, r.git(["hash-object", "-w", "-t", "commit", "--stdin"], `${forged}\n`)]);
  const again = await r.open();
  expect(await again.get(name)).toBeUndefined();
  expect(await again.propose(proposal())).toMatchObject({ opened: true });
});

test("a proposal whose record was changed under its signature is not there", async () => {
  const r = await rig();
  const { name } = await opened(r.home);
  await r.home.close();
  const branch = `refs/heads/sallyport/${DIGEST}`;
  const text = r.git(["cat-file", "commit", branch]).replace("group:corp:oncall", "user:corp:mallory");
  r.git(["update-ref", branch, r.git(["hash-object", "-w", "-t", "commit", "--stdin"], `${text}\n`)]);
  expect(await (await r.open()).get(name)).toBeUndefined();
});

test("changed bytes of an approved file approve nothing", async () => {
  const r = await rig();
  const { name, file } = await approved(r.home);
  commitOnMain(r, name, file.replace("maxUses: 1", "maxUses: 9"));
  for (const home of [r.home, await r.open()]) {
    expect(await home.find(DIGEST)).toBeUndefined();
    expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
  }
});

test("taking an approved file off main takes the approval away", async () => {
  const r = await rig();
  const { name } = await approved(r.home);
  commitOnMain(r, "other", "x: 1\n");
  expect(await r.home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
});

test("a replaced object (refs/replace) is not believed", async () => {
  const r = await rig();
  const { name, file } = await approved(r.home);
  const blob = r.git(["rev-parse", `refs/heads/main:exceptions/${name}.yaml`]);
  const other = r.git(["hash-object", "-w", "--stdin"], file.replace("maxUses: 1", "maxUses: 9"));
  r.git(["update-ref", `refs/replace/${blob}`, other]);
  expect((await (await r.open()).get(name))?.file).toBe(file);
});

test("a branch that was changed behind the gateway's back cannot be approved", async () => {
  const r = await rig();
  const approval = await opened(r.home);
  const branch = `refs/heads/sallyport/${DIGEST}`;
  r.git(["update-ref", branch, r.git(["commit-tree", `${branch}^{tree}`, "-p", branch, "-m", "more"])]);
  await expect(r.home.approve(approval.name, bob, { reason: "", seen: seen(approval) })).rejects.toMatchObject({
    code: "conflict",
  });
  expect(r.git(["log", "--format=%s", "refs/heads/main"])).toBe("Start the policy-exceptions repository");
});

test("main that moved meanwhile is merged onto, and keeps what was there", async () => {
  const r = await rig();
  const approval = await opened(r.home);
  commitOnMain(r, "other", "x: 1\n");
  await r.home.approve(approval.name, bob, { reason: "", seen: seen(approval) });
  expect(r.git(["ls-tree", "--name-only", "refs/heads/main:exceptions"]).split("\n")).toEqual([
    `${approval.name}.yaml`,
    "other.yaml",
  ]);
});

test("hooks in the repository's folder are not run", async () => {
  const r = await rig();
  const hook = join(r.path, "hooks", "reference-transaction");
  writeFileSync(hook, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  expect((await approved(r.home)).state).toBe("approved");
  expect(() => r.git(["update-ref", "refs/x", "refs/heads/main"])).toThrow(); // the hook does work
});

test("a remote that the folder's config names for missing objects is not asked, and its command is not run", async () => {
  const r = await rig();
  const [command, ran] = [join(r.path, "upload-pack"), join(r.path, "ran")];
  writeFileSync(command, `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  r.git(["config", "core.repositoryFormatVersion", "1"]);
  r.git(["config", "extensions.partialClone", "evil"]);
  r.git(["config", "remote.evil.url", r.path]);
  r.git(["config", "remote.evil.promisor", "true"]);
  r.git(["config", "remote.evil.uploadpack", command]);
  r.git(["config", "protocol.file.allow", "always"]);
  const missing = "1".repeat(40);
  writeFileSync(join(r.path, "refs", "x"), `${missing}\n`);
  expect(await new Repository(r.path).read([missing])).toEqual([undefined]);
  await r.home.refresh();
  expect(existsSync(ran)).toBe(false);
  expect(() => r.git(["cat-file", "-p", missing])).toThrow();
  expect(existsSync(ran)).toBe(true); // the command is what git runs
});

test("a use that is no number of ours spends the approval, and makes none that is spent good again", async () => {
  const r = await rig();
  const spent = await approved(r.home);
  await r.home.use(spent.name, "x-1");
  for (const n of ["abc", "-1", "0"]) r.git(["update-ref", `refs/sallyport/used/${spent.name}/${n}`, "main"]);
  expect(await (await r.open()).use(spent.name, "x-2")).toEqual({ ok: false, reason: "spent" });
});

test("a merge whose settlement a crash cut off is found again at start", async () => {
  const r = await rig();
  const { name } = await opened(r.home);
  const branch = r.git(["rev-parse", `refs/heads/sallyport/${DIGEST}`]);
  await r.home.approve(name, bob, { reason: "", seen: sha256((await r.home.get(name))?.file ?? "") });
  await r.home.close();
  r.git(["update-ref", "-d", `refs/sallyport/settled/${name}`]);
  r.git(["update-ref", `refs/heads/sallyport/${DIGEST}`, branch]);
  const again = await r.open();
  expect(await again.find(DIGEST)).toMatchObject({ name, state: "approved" });
  expect(r.git(["for-each-ref", "refs/heads/sallyport"])).toBe("");
});

test("a use whose ref is deleted stays spent, and freezes the home, also where it starts again", async () => {
  const r = await rig();
  const state = join(r.path, "..", "state");
  const home = await r.open({ state });
  const { name } = await approved(home);
  await home.use(name, "x-1");
  r.git(["update-ref", "-d", `refs/sallyport/used/${name}/1`]);
  await home.refresh();
  expect(home.status().frozen?.why).toBe(`refs/sallyport/used/${name}/1 is gone`);
  await home.close();
  const again = await r.open({ state });
  await expect(again.use(name, "x-2")).rejects.toMatchObject({ code: "approvals-unavailable" });
});

test("an approval that was taken back stays so where its settlement is put back and its file is on main again", async () => {
  const r = await rig();
  const { name, file } = await approved(r.home);
  const before = r.git(["rev-parse", `refs/sallyport/settled/${name}`]);
  await r.home.revoke(name, bob, { reason: "a mistake" });
  r.git(["update-ref", `refs/sallyport/settled/${name}`, before]);
  commitOnMain(r, name, file);
  for (const home of [r.home, await r.open()]) {
    await home.refresh();
    expect((await home.get(name))?.state).toBe("revoked");
    expect(await home.use(name, "x-1")).toEqual({ ok: false, reason: "not-approved" });
  }
});

test("a kill, a revocation and a reset that no merge key signed do nothing", async () => {
  const r = await rig();
  const { name } = await approved(r.home);
  const forged = r.git(["commit-tree", "main^{tree}", "-p", "main", "-m", "revoked, trust me"]);
  for (const ref of [`revoked/${name}`, "killed/s-1", `reset/${forged}`]) {
    r.git(["update-ref", `refs/sallyport/${ref}`, forged]);
  }
  const told: unknown[] = [];
  const again = await r.open();
  again.onKill((kill) => told.push(kill));
  expect(told).toEqual([]);
  expect((await again.get(name))?.state).toBe("approved");
});

test("a break-glass that another key signed lets nothing through", async () => {
  const r = await rig();
  const { name } = await opened(r.home);
  await r.home.close();
  const impostor = await r.open({ mergeKeyFile: newMergeKey(r.path, "other.pem") });
  await expect(
    impostor.breakGlass(name, bob, { reason: "x" }, { validForSeconds: 300, reviewWithinSeconds: 300 }),
  ).rejects.toMatchObject({ code: "not-found" });
  expect((await (await r.open()).get(name))?.state).toBe("pending");
});

test("a folder that is no repository is none, whatever repository it is in", async () => {
  const r = await rig();
  execFileSync("git", ["init", "--quiet", join(r.path, "..")]);
  const inner = join(r.path, "..", "inner");
  mkdirSync(inner);
  await expect(new Repository(inner).write("blob", "x")).rejects.toMatchObject({ code: "approvals-unavailable" });
});

test("a lock that a killed git left behind stops nothing for long, and one that is held is waited for", async () => {
  const r = await rig();
  const { name, file } = await opened(r.home);
  const lock = join(r.path, "refs", "heads", "main.lock");
  writeFileSync(lock, "");
  const decide = () => r.home.approve(name, bob, { reason: "", seen: sha256(file) });
  await expect(decide()).rejects.toMatchObject({ code: "approvals-unavailable" });
  utimesSync(lock, new Date(0), new Date(0));
  expect((await decide()).state).toBe("approved");
});

test("a folder that others can write is warned of", async () => {
  const r = await rig();
  expect(r.home.status().warnings).toEqual([]);
  chmodSync(r.path, 0o777);
  expect(r.home.status().warnings).toEqual([expect.stringContaining("can be written by others")]);
});
