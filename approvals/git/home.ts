import { type Clock, systemClock } from "../../base/clock.ts";
import { DEFAULT_EXCEPTION_LIMITS, type ExceptionLimits } from "../../base/config/guardrails.ts";
import { errorMessage, Refusal, UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { DEFAULT_CAPS } from "../caps.ts";
import { pendingOrDenied } from "../denials.ts";
import { ApprovalIndex, snapshot } from "../memory.ts";
import { page } from "../page.ts";
import { fitProposal } from "../proposals.ts";
import type { Actor, Approval, ApprovalHome, ApprovalState, HomeStatus, Proposal, UseResult } from "../types.ts";
import type { Person } from "../voters.ts";
import { entryOf, expireIfDue, type HomeContext, writeCommit } from "./context.ts";
import { approve, deny } from "./decide.ts";
import { MAIN, standsOnMain } from "./entry.ts";
import { ignoreConflict, load } from "./load.ts";
import { propose } from "./propose.ts";
import { Repository } from "./repository.ts";
import { readMergeKey } from "./ssh-signature.ts";
import { GitStanding } from "./standing-home.ts";
import { release, use } from "./use.ts";

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
  /** Of pending proposals: `limits` of the configuration, and of all (1,000). */
  limits?: { holdsPerSession?: number; holdsPerIdentity?: number; pending?: number };
  /** `exceptions` of the guardrails in force, asked again and again; the guardrails' own defaults where absent. */
  exceptionLimits?(): ExceptionLimits;
}

export interface EmbeddedHome extends ApprovalHome {
  readonly standing: GitStanding;
  /** Expires what is due. Runs by itself every second; a test with a clock of its own calls it. */
  sweep(): Promise<void>;
}

const SWEEP_MS = 1000;

/**
 * The policy-exceptions repository as a bare git repository in a folder. The index in memory is what answers;
 * git is the truth: each change is one compare-and-swap of refs, and the index follows it.
 * Throws a UserError where the folder or the key cannot be used.
 */
export async function openEmbeddedHome(options: EmbeddedHomeOptions): Promise<EmbeddedHome> {
  const keys = [options.mergeKeyFile].flat().map(readMergeKey);
  const [key] = keys;
  if (key === undefined) throw new UserError("keys.mergeFile names no file", { exitCode: 2 });
  const home: HomeContext = {
    repository: options.repository ?? new Repository(options.path),
    index: new ApprovalIndex(options.log),
    key,
    publicKeys: keys.map(({ publicKey }) => publicKey),
    people: options.people,
    clock: options.clock ?? systemClock,
    log: options.log,
    limits: { ...DEFAULT_CAPS, ...options.limits },
    exceptionLimits: () => options.exceptionLimits?.() ?? DEFAULT_EXCEPTION_LIMITS,
    url: (name) => options.url(name),
    highest: new Map(),
    tip: undefined,
  };
  try {
    await home.repository.ensure();
    if ((await home.repository.ref(MAIN)) === undefined) await start(home);
    const { entries, highest } = await load(home.repository, home.publicKeys, home.log);
    home.highest = highest;
    for (const entry of entries) home.index.add(entry);
    const standing = new GitStanding(home);
    await standing.start();
    return new GitHome(home, standing);
  } catch (error) {
    throw new UserError(`the approvals repository ${options.path} cannot be opened: ${errorMessage(error)}`, {
      next: "Check approvals.path in sallyport.yaml, and that git is installed.",
      cause: error,
    });
  }
}

/** The first commit of main. */
async function start(home: HomeContext): Promise<void> {
  const text = "Policy exceptions. A file counts only where a merge that the gateway's key signed brought it here.\n";
  const readme = await home.repository.write("blob", text);
  const tree = await home.repository.writeTree([`100644 blob ${readme}\tREADME`]);
  const to = await writeCommit(home, tree, [], { kind: "init" });
  await home.repository.swap([{ ref: MAIN, from: "", to }]).catch(ignoreConflict);
}

function notYet(): Refusal {
  return new Refusal("approvals-unavailable", "this is not served yet");
}

class GitHome implements EmbeddedHome {
  readonly standing: GitStanding;
  private readonly home: HomeContext;
  private readonly timer: NodeJS.Timeout;
  private last: Promise<unknown> = Promise.resolve();
  private closed = false;

  constructor(home: HomeContext, standing: GitStanding) {
    this.home = home;
    this.standing = standing;
    this.timer = setInterval(() => {
      this.sweep().catch((error) => home.log.error("due approvals were not expired", { error }));
    }, SWEEP_MS).unref();
  }

  /** One change at a time: the index and the refs are compared and changed together. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.last.then(() => {
      if (this.closed) throw new Refusal("draining", "the gateway is shutting down");
      return work();
    });
    this.last = result.catch(() => undefined); // its caller has the error; the next in line goes on
    return result;
  }

  async propose(proposal: Proposal): Promise<{ approval: Approval; opened: boolean }> {
    const fit = fitProposal(proposal);
    return this.alone(() => propose(this.home, fit));
  }

  async get(name: string): Promise<Approval | undefined> {
    const entry = await entryOf(this.home, name);
    return entry === undefined ? undefined : snapshot(entry);
  }

  async list(
    filter: { state?: ApprovalState; limit?: number; continue?: string } = {},
  ): Promise<{ items: Approval[]; continue?: string }> {
    return page([...this.home.index.byName.values()].map(snapshot), filter);
  }

  async find(digest: string): Promise<Approval | undefined> {
    const now = this.home.clock.now();
    for (const entry of this.home.index.of(digest).reverse()) {
      const { state, proposal, name } = entry.approval;
      if (state !== "approved" || proposal.notAfter <= now) continue;
      if (await standsOnMain(this.home.repository, entry.approval)) return snapshot(entry);
      this.home.log.warn("an approved file is not on main as it was approved", { approval: name });
    }
    const entry = pendingOrDenied(this.home.index.of(digest), now);
    return entry === undefined ? undefined : snapshot(entry);
  }

  async waitSettled(name: string, signal: AbortSignal): Promise<Approval> {
    const entry = await entryOf(this.home, name);
    if (entry === undefined) throw new Refusal("not-found", "there is no such approval");
    while (entry.approval.state === "pending" && !signal.aborted && !this.closed) {
      await this.home.index.nextChange(name, signal);
    }
    return snapshot(entry);
  }

  approve(name: string, by: Actor, input: { reason: string; seen: string }): Promise<Approval> {
    return this.alone(() => approve(this.home, name, by, input));
  }

  deny(name: string, by: Actor, input: { reason: string; seen?: string }): Promise<Approval> {
    return this.alone(() => deny(this.home, name, by, input));
  }

  use(name: string, exchangeId: string): Promise<UseResult> {
    return this.alone(() => use(this.home, name, exchangeId));
  }

  async release(name: string, n: number, exchangeId: string): Promise<void> {
    release(this.home, name, n, exchangeId);
  }

  async stands(name: string): Promise<boolean> {
    const entry = await entryOf(this.home, name);
    return (
      entry !== undefined && entry.approval.state !== "revoked" && standsOnMain(this.home.repository, entry.approval)
    );
  }

  revoke(): Promise<Approval> {
    throw notYet();
  }

  cancel(): Promise<Approval> {
    throw notYet();
  }

  breakGlass(): Promise<Approval> {
    throw notYet();
  }

  review(): Promise<Approval> {
    throw notYet();
  }

  kill(): Promise<void> {
    throw notYet();
  }

  onKill(): () => void {
    return () => {};
  }

  refresh(): Promise<void> {
    return this.standing.refresh();
  }

  status(): HomeStatus {
    return { checkedAt: 0, warnings: [], malformed: this.standing.malformed(), overdueReviews: [] };
  }

  reset(): Promise<void> {
    throw notYet();
  }

  async sweep(): Promise<void> {
    for (const entry of [...this.home.index.byName.values()]) {
      const { state, proposal } = entry.approval;
      if (this.closed || proposal.notAfter > this.home.clock.now()) continue;
      if (state === "pending" || state === "approved") await this.alone(() => expireIfDue(this.home, entry));
    }
  }

  onChange(listener: (approval: Approval) => void): () => void {
    return this.home.index.onChange(listener);
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all([this.last, this.standing.close()]);
    this.closed = true;
    this.home.index.wakeAll();
  }
}
