import { execFileSync } from "node:child_process";
import { mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { seenDigest } from "../../approvals/batch.ts";
import { type EmbeddedHome, openEmbeddedHome } from "../../approvals/git/home.ts";
import { Repository } from "../../approvals/git/repository.ts";
import type { Actor } from "../../approvals/types.ts";
import { silentLog } from "../../base/log.ts";
import { gitIn, newMergeKey } from "./embedded.ts";
import { FakeClock, people } from "./suite/fixtures.ts";
import type { HomeOptions, HomeRig } from "./suite/rig.ts";

/** The suite's rig on a bare repository in a folder of its own. */
export async function embeddedRig(options: HomeOptions = {}): Promise<HomeRig> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-home-"));
  const path = join(folder, "exceptions.git");
  const mergeKeyFile = newMergeKey(folder);
  const clock = new FakeClock();
  const homes: EmbeddedHome[] = [];
  const up: (() => void)[] = [];
  const restore = (): void => {
    for (const back of up.splice(0)) back();
  };
  const open = async ({ deadlineMs, ...more }: HomeOptions = {}): Promise<EmbeddedHome> => {
    const home = await openEmbeddedHome({
      path,
      ...(deadlineMs === undefined ? {} : { repository: new Repository(path, { deadlineMs }) }),
      mergeKeyFile,
      people,
      clock,
      log: silentLog,
      url: (name) => `https://sallyport.test/approvals/${name}`,
      state: join(folder, `state-${homes.length}`),
      ...options,
      ...more,
    });
    homes.push(home);
    return home;
  };
  onTestFinished(async () => {
    restore();
    for (const home of homes) await home.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const git = gitIn(path);
  const home = await open();
  const seen = async (name: string): Promise<string> => {
    const approval = await home.get(name);
    const all = await Promise.all((approval?.batch ?? [name]).map((one) => home.get(one)));
    return seenDigest(all.filter((one) => one !== undefined));
  };
  return {
    kind: "embedded",
    clock,
    home,
    state: join(folder, "state-0"),
    open,
    git,
    async approve(name: string, by: Actor, { reason = "" } = {}) {
      await home.approve(name, by, { reason, seen: await seen(name) });
    },
    async deny(name: string, by: Actor, reason: string) {
      await home.deny(name, by, { reason });
    },
    async review(name, by, verdict, reason) {
      await home.review(name, by, { verdict, reason });
    },
    async putStanding(name, file, by) {
      await home.standing.put(name, file, by, "asked for");
    },
    async takeOffMain(name) {
      const blobs = git(["ls-tree", "main:exceptions"]).split("\n");
      const left = blobs.filter((line) => !line.endsWith(`\t${name}.yaml`));
      const root = git(["ls-tree", "main"])
        .split("\n")
        .filter((line) => !line.endsWith("\texceptions"));
      if (left.length > 0) root.push(`040000 tree ${git(["mktree"], `${left.join("\n")}\n`)}\texceptions`);
      const tree = git(["mktree"], `${root.join("\n")}\n`);
      git(["update-ref", "refs/heads/main", git(["commit-tree", tree, "-p", "main", "-m", "revert"])]);
    },
    down() {
      renameSync(path, `${path}.away`);
      up.push(() => renameSync(`${path}.away`, path));
    },
    hang() {
      // git reads HEAD before anything else, and a pipe that nobody writes to never ends.
      renameSync(join(path, "HEAD"), join(path, "HEAD.away"));
      execFileSync("mkfifo", [join(path, "HEAD")]);
      up.push(() => renameSync(join(path, "HEAD.away"), join(path, "HEAD")));
    },
    up: restore,
    async rewriteMain(commits = 1) {
      const base = git(["rev-parse", `main~${commits}`]);
      const to = git(["commit-tree", `${base}^{tree}`, "-p", base, "-m", "another history"]);
      git(["update-ref", "refs/heads/main", to]);
      return to;
    },
  };
}
