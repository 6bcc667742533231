import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type GitHubHomeOptions, openGitHubHome } from "../../../approvals/github/home.ts";
import type { Actor, Approval, ApprovalHome } from "../../../approvals/types.ts";
import { silentLog } from "../../../base/log.ts";
import { type GitHubDouble, type GitHubOptions, GUARDED, startGitHub } from "../../github/double.ts";
import { FakeClock, people } from "../suite/fixtures.ts";
import type { HomeOptions, HomeRig } from "../suite/rig.ts";

export const HMAC_KEY = Buffer.alloc(32, 7);
export const TEAM = "acme/oncall";

export type GitHubRigOptions = HomeOptions & { github?: GitHubOptions; home?: Partial<GitHubHomeOptions> };

export interface GitHubRig extends HomeRig {
  github: GitHubDouble;
  open(options?: HomeOptions & Partial<GitHubHomeOptions>): Promise<ApprovalHome>;
  /** The pull request of an approval. */
  number(name: string): Promise<number>;
  /** As it is in the home now. */
  now(name: string): Promise<Approval>;
}

/** Resolves once it holds; what a home writes back, it writes after it answered. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 45_000; Date.now() < end; ) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error("it never held");
}

/** A home on the double of GitHub. The team acme/oncall stands for the group corp:oncall: alice, bob and dora. */
export async function githubRig(options: GitHubRigOptions = {}): Promise<GitHubRig> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-hub-"));
  const clock = new FakeClock();
  const github = await startGitHub({ limits: "none", now: () => clock.now(), ...options.github });
  github.protection = { ...GUARDED, reviews: 0, codeOwners: false };
  github.team(TEAM, ["alice", "bob", "dora"]);
  const homes: ApprovalHome[] = [];
  let states = 0;
  const open = async (more: HomeOptions & Partial<GitHubHomeOptions> = {}): Promise<ApprovalHome> => {
    const home = await openGitHubHome({
      repository: github.repository,
      credential: github.app,
      baseUrl: github.url,
      teams: { "corp:oncall": TEAM },
      hmacKeys: [HMAC_KEY],
      people: options.people ?? people,
      ...(options.limits === undefined ? {} : { limits: options.limits }),
      log: silentLog,
      url: (name) => `https://sallyport.test/approvals/${name}`,
      clock,
      pollSeconds: 0,
      deadlineMs: 20_000,
      state: join(folder, `state-${states++}`),
      ...options.home,
      ...more,
    });
    homes.push(home);
    return home;
  };
  onTestFinished(async () => {
    github.fault.up();
    for (const home of homes) await home.close();
    await github.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const listed = options.people ?? people;
  const login = ({ username }: Actor): string =>
    listed.find(({ identities }) => identities.includes(username))?.github ?? username.replace(/\W/g, "-");
  const state = options.state ?? join(folder, "state");
  const home = await open({ state });
  const pullFrom = (branch: string): number =>
    Math.max(0, ...[...github.state.pulls.values()].filter((p) => p.headRef === branch).map((p) => p.number));

  const rig: GitHubRig = {
    kind: "github",
    clock,
    home,
    state,
    github,
    open,
    async number(name) {
      return (await home.get(name))?.pullRequest?.number ?? 0;
    },
    async now(name) {
      const approval = await home.get(name);
      if (approval === undefined) throw new Error(`${name} is not known`);
      return approval;
    },
    async approve(name, by, { reason = "", last = true } = {}) {
      const person = github.as(login(by));
      const number = await rig.number(name);
      await person.review(number, { state: "APPROVED", body: reason });
      if (last) await person.merge(number);
      await home.refresh();
    },
    async deny(name, by, reason) {
      const person = github.as(login(by));
      const number = await rig.number(name);
      await person.comment(number, reason);
      await person.close(number);
      await home.refresh();
    },
    async review(name, by, verdict, reason) {
      const branch = `sallyport/review/${name}`;
      await eventually(() => pullFrom(branch) > 0);
      const person = github.as(login(by));
      const number = pullFrom(branch);
      if (verdict === "accepted") {
        await person.review(number, { state: "APPROVED", body: reason });
        await person.merge(number);
      } else {
        await person.comment(number, reason);
        await person.close(number);
      }
      await home.refresh();
    },
    async putStanding(name, file, by) {
      const person = github.as(login(by));
      const files = { [`exceptions/${name}.yaml`]: file };
      const number = await person.open({ title: `Add ${name}`, head: `add-${name}-${Math.random()}`, files });
      await person.merge(number);
      await home.refresh();
    },
    async takeOffMain(name) {
      await github.as("acme").push("main", { [`exceptions/${name}.yaml`]: null });
    },
    git: (args, input = "") =>
      execFileSync("git", ["-C", github.path, "-c", "user.name=x", "-c", "user.email=x@x", ...args], {
        encoding: "utf8",
        input,
        stdio: ["pipe", "pipe", "pipe"],
      }).trim(),
    down: () => github.fault.down(),
    up: () => github.fault.up(),
    hang: () => github.fault.hang(),
    async rewriteMain(commits = 1) {
      const to = rig.git(["commit-tree", `main~${commits}^{tree}`, "-p", `main~${commits}`, "-m", "rewritten"]);
      await github.as("acme").forcePush("main", to);
      return to;
    },
  };
  return rig;
}
