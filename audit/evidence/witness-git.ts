import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import type { Witness } from "./witness.ts";
import { notesIn } from "./witness.ts";

const DEADLINE_MS = 30_000;
const MAX_OUTPUT = 512 * 1024 * 1024;
/** RFC 6962 has no time, and neither has a note: the commit's date is when it was brought here. */
const WHO = { GIT_AUTHOR_NAME: "sallyport", GIT_AUTHOR_EMAIL: "sallyport@localhost" };

/**
 * A branch of a git repository: one commit a note, which is its message. What makes it append-only is the other side:
 * `push` to a host whose branch protection refuses forced pushes, by an account that may only push.
 */
export function gitWitness({
  path,
  branch = "checkpoints",
  push,
}: {
  path: string;
  branch?: string | undefined;
  push?: string | undefined;
}): Witness {
  const ref = `refs/heads/${branch}`;
  return {
    name: `git ${path} ${branch}`,
    async append(note) {
      if (!existsSync(path)) await git(undefined, ["init", "--quiet", "--bare", path]);
      const parent = await tip(path, ref);
      // Given again after its answer was lost, or after a push failed.
      if (parent === undefined || !(await git(path, ["show", "-s", "--format=%B", parent])).startsWith(note)) {
        const tree = (await git(path, ["hash-object", "-t", "tree", "-w", "--stdin"], "")).trim();
        const parents = parent === undefined ? [] : ["-p", parent];
        const commit = (await git(path, ["commit-tree", tree, ...parents, "-F", "-"], note)).trim();
        await git(path, ["update-ref", ref, commit, parent ?? ""]);
      }
      if (push !== undefined) await git(path, ["push", "--quiet", push, `${ref}:${ref}`]);
    },
    async *notes() {
      // A clone has the branch as its origin's, and none of its own where the host's HEAD is another.
      const tips = await Promise.all([ref, `refs/remotes/origin/${branch}`].map((one) => tip(path, one)));
      const from = tips.filter((one) => one !== undefined);
      if (from.length === 0) return;
      yield* notesIn(await git(path, ["log", "--no-show-signature", "--format=%B%n", ...from]));
    },
  };
}

/** The commit that a branch stands at, or undefined where there is no branch. */
async function tip(path: string, ref: string): Promise<string | undefined> {
  const said = await git(path, ["for-each-ref", "--format=%(objectname)", ref]);
  return said.trim() === "" ? undefined : said.trim();
}

function git(path: string | undefined, args: string[], input?: string): Promise<string> {
  const env = {
    ...process.env,
    ...WHO,
    GIT_COMMITTER_NAME: WHO.GIT_AUTHOR_NAME,
    GIT_COMMITTER_EMAIL: WHO.GIT_AUTHOR_EMAIL,
    GIT_TERMINAL_PROMPT: "0",
    // What a repository from elsewhere has in its configuration is no reason to run anything (gpg.program, a promisor remote).
    GIT_NO_LAZY_FETCH: "1",
  };
  const options = { env, timeout: DEADLINE_MS, maxBuffer: MAX_OUTPUT, killSignal: "SIGKILL" } as const;
  return new Promise((resolve, reject) => {
    const child = execFile(
      "git",
      path === undefined ? args : ["-C", path, ...args],
      options,
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`git ${args[0]}: ${stderr.trim().slice(0, 500) || error.message}`, { cause: error }));
      },
    );
    child.stdin?.on("error", () => {}); // EPIPE: how git ended tells it better
    child.stdin?.end(input ?? "");
  });
}
