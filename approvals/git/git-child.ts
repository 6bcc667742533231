import { type SimpleGit, simpleGit } from "simple-git";
import type { GitAnswer, GitQuestion } from "./git-process.ts";

/**
 * The process that starts git for a gateway: a fork copies the page tables of whoever forks, and this one has few. When
 * the channel ends, the gateway is gone, however it went, and so are we.
 */
process.on("message", (question: GitQuestion) => {
  void answer(question).then((said) => {
    if (process.connected) process.send?.(said);
  });
});
process.on("disconnect", () => process.exit());
// Whoever stops the gateway from a terminal signals us as well, and it has git to ask until it has ended.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

function git({ path, environment, input, blockMs }: GitQuestion): SimpleGit {
  return simpleGit({
    baseDir: path,
    // Whoever can write the folder must not run code in the gateway (update-ref runs the hook
    // reference-transaction), nor pass one object off as another (refs/replace).
    config: [
      "core.hooksPath=/dev/null",
      // Of git 2.54 on, hooks of the folder's config are none of that path's; this switch is of 2.55.
      "hook.reference-transaction.enabled=false",
      "core.useReplaceRefs=false",
      "core.commitGraph=false",
      "gc.auto=0",
      "core.filesRefLockTimeout=2000",
    ],
    unsafe: { allowUnsafeHooksPath: true },
    allowEnvironment: ["GIT_DIR", "GIT_GRAFT_FILE", "GIT_NO_LAZY_FETCH", "GIT_ALLOW_PROTOCOL"],
    // A process that says nothing for so long is ended; one that does not end either is not waited for.
    timeout: { block: blockMs },
    errors: (error, result) =>
      error ?? (result.exitCode === 0 ? undefined : Buffer.from(`git exited with ${result.exitCode}`)),
    ...(input === undefined ? {} : { input: () => input }),
  }).env(environment);
}

async function answer(question: GitQuestion): Promise<GitAnswer> {
  const { id, args, objects } = question;
  try {
    return { id, out: objects ? await git(question).binaryCatFile(args) : await git(question).raw(args) };
  } catch (error) {
    return { id, error: error instanceof Error ? error.message : String(error) };
  }
}
