import { type Clock, systemClock } from "../../base/clock.ts";
import { DEFAULT_EXCEPTION_LIMITS } from "../../base/config/guardrails.ts";
import { errorMessage, UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { DEFAULT_CAPS } from "../caps.ts";
import { HistoryGuard } from "../history.ts";
import { Kills } from "../kills.ts";
import { ApprovalIndex } from "../memory.ts";
import type { StandingLimits } from "../standing/meaning.ts";
import type { ApprovalHome } from "../types.ts";
import type { Person } from "../voters.ts";
import { type HomeContext, writeCommit } from "./context.ts";
import { MAIN } from "./entry.ts";
import { GitHome } from "./git-home.ts";
import { ignoreConflict, load } from "./load.ts";
import { goodMain } from "./main.ts";
import { Repository } from "./repository.ts";
import { readMergeKey } from "./ssh-signature.ts";
import { GitStanding } from "./standing-home.ts";
import { blobsOf, readTip } from "./tree.ts";

export interface EmbeddedHomeOptions {
  /** Folder of the bare repository; made where there is none. */
  path: string;
  /** keys.mergeFile: Ed25519, PKCS #8 PEM. The first signs, all count. */
  mergeKeyFile: string | string[];
  /** `people` of the configuration. */
  people: readonly Person[];
  log: Log;
  /** Where a human can see an approval. */
  url(name: string): string;
  clock?: Clock;
  /** What reads and writes the folder, where it is not git as it is. */
  repository?: Repository;
  /** `approvals.state`: the file of the last good main, outside the repository; kept in memory only where absent. */
  state?: string;
  /** Of pending proposals: `limits` of the configuration, and of all (1,000). */
  limits?: { holdsPerSession?: number; holdsPerIdentity?: number; pending?: number };
  /** `exceptions` of the guardrails in force, asked again and again; the guardrails' own defaults where absent. */
  exceptionLimits?(): StandingLimits;
}

export interface EmbeddedHome extends ApprovalHome {
  readonly standing: GitStanding;
  /** Expires what is due. Runs by itself every second; a test with a clock of its own calls it. */
  sweep(): Promise<void>;
}

/**
 * The policy-exceptions repository as a bare git repository in a folder. The index in memory is what answers;
 * git is the truth: each change is one compare-and-swap of refs, and the index follows it.
 * Throws a UserError where the folder, the key or the state cannot be used.
 */
export async function openEmbeddedHome(options: EmbeddedHomeOptions): Promise<EmbeddedHome> {
  const keys = [options.mergeKeyFile].flat().map(readMergeKey);
  const [key] = keys;
  if (key === undefined) throw new UserError("keys.mergeFile names no file", { exitCode: 2 });
  const { log } = options;
  const clock = options.clock ?? systemClock;
  const repository = options.repository ?? new Repository(options.path);
  const home: HomeContext = {
    repository,
    index: new ApprovalIndex(log),
    guard: new HistoryGuard({ file: options.state, repository: repository.path, clock, log }),
    kills: new Kills(clock, log),
    key,
    publicKeys: keys.map(({ publicKey }) => publicKey),
    people: options.people,
    clock,
    log,
    limits: { ...DEFAULT_CAPS, ...options.limits },
    exceptionLimits: () => options.exceptionLimits?.() ?? DEFAULT_EXCEPTION_LIMITS,
    url: (name) => options.url(name),
    highest: new Map(),
    tip: undefined,
    checkedMain: undefined,
    checkedNames: new Set(),
    checkedAt: 0,
    unreachable: undefined,
  };
  try {
    await repository.ensure();
    // A main that was there once is not made anew.
    const first = home.guard.lastGood === undefined ? ((await repository.ref(MAIN)) ?? (await start(home))) : undefined;
    if (first !== undefined) home.guard.advance(first);
    const main = first ?? (await goodMain(home));
    if (main === undefined) throw new Error("it has no branch main");
    // Before anything else is read: what comes to main from here on may be missing from it.
    if (home.tip?.commit !== main) home.tip = await readTip(repository, main);
    home.checkedNames = await blobsOf(home.tip);
    const { entries, highest } = await load(repository, home.publicKeys, log, main);
    home.highest = highest;
    for (const entry of entries) home.index.add(entry);
    const standing = new GitStanding(home);
    await standing.start();
    const opened = new GitHome(home, standing);
    await opened.sweep();
    return opened;
  } catch (error) {
    throw new UserError(`the approvals repository ${options.path} cannot be opened: ${errorMessage(error)}`, {
      next: "Check approvals.path in sallyport.yaml, and that git is installed.",
      cause: error,
    });
  }
}

/** Makes the first commit of main. Resolves to its id; undefined where another gateway was faster. */
async function start(home: HomeContext): Promise<string | undefined> {
  const text = "Policy exceptions. A file counts only where a merge that the gateway's key signed brought it here.\n";
  const readme = await home.repository.write("blob", text);
  const root = [`100644 blob ${readme}\tREADME`];
  const tree = await home.repository.writeTree(root);
  const commit = await writeCommit(home, tree, [], { kind: "init" });
  try {
    await home.repository.swap([{ ref: MAIN, from: "", to: commit }]);
  } catch (error) {
    ignoreConflict(error);
    return undefined;
  }
  home.tip = { commit, tree, root, files: [] };
  return commit;
}
