import { statSync } from "node:fs";
import { errorMessage, Refusal } from "../../base/errors.ts";
import { pendingOrDenied } from "../denials.ts";
import { approvedFor } from "../let-through.ts";
import { snapshot } from "../memory.ts";
import { page } from "../page.ts";
import { fitProposal } from "../proposals.ts";
import type {
  Actor,
  Approval,
  ApprovalHome,
  ApprovalState,
  BreakGlassTerms,
  HomeStatus,
  Kill,
  Proposal,
  UseResult,
} from "../types.ts";
import { breakGlass, review } from "./break-glass.ts";
import { entryOf, type HomeContext, isRefConflict } from "./context.ts";
import { approve, deny } from "./decide.ts";
import { cancel, revoke } from "./end.ts";
import { kill, type SeenKills } from "./kill.ts";
import { reasonOf, resetMain } from "./main.ts";
import { propose } from "./propose.ts";
import { unavailable } from "./repository.ts";
import type { GitStanding } from "./standing-home.ts";
import { sync, unseen } from "./sync.ts";
import { release, use } from "./use.ts";

/** How soon what another replica, or a person with git, did is known here. */
const POLL_MS = 1000;
/** What has waited so long for its turn is refused: whoever asked has gone, and must not get it later. */
const QUEUE_MS = 10_000;
/** What could not be looked at for so long stands no more: it may have been taken back. */
const STALE_MS = 30_000;
/** Streams ask whether each approval stands: a look at the repository serves them all. */
const FRESH_MS = 500;
const TRIES = 3;

/** The embedded home: one change at a time in this process, each a compare-and-swap against all others. */
export class GitHome implements ApprovalHome {
  readonly standing: GitStanding;
  private readonly home: HomeContext;
  private readonly timer: NodeJS.Timeout;
  private readonly seenKills: SeenKills = new Set();
  private last: Promise<unknown> = Promise.resolve();
  private polling: Promise<void> | undefined;
  /** When everything was last read, by performance.now(). */
  private lookedAt = Number.NEGATIVE_INFINITY;
  private closed = false;

  constructor(home: HomeContext, standing: GitStanding) {
    this.home = home;
    this.standing = standing;
    this.timer = setInterval(() => void this.poll(), POLL_MS).unref();
  }

  /** One change at a time: the index and the refs are compared and changed together. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const asked = performance.now();
    const result = this.last.then(() => {
      if (this.closed) throw new Refusal("draining", "the gateway is shutting down");
      if (performance.now() - asked > QUEUE_MS) throw unavailable(new Error("it is too slow for what is asked of it"));
      return work();
    });
    this.last = result.catch(() => undefined); // its caller has the error; the next in line goes on
    return result;
  }

  /** A change, made anew where another replica was faster than what is known here. */
  private change<T>(work: () => Promise<T>): Promise<T> {
    return this.alone(async () => {
      for (let i = 1; ; i++) {
        try {
          return await work();
        } catch (error) {
          if (!isRefConflict(error) || i === TRIES) throw error;
          await this.look();
        }
      }
    });
  }

  /** Makes memory what the repository is. Only where nothing else changes it meanwhile. */
  private async look(names: readonly string[] = []): Promise<void> {
    const { home } = this;
    try {
      await sync(home, this.seenKills, names);
      if (home.unreachable !== undefined) home.log.info("the approvals repository answers again");
      home.unreachable = undefined;
      this.lookedAt = performance.now();
    } catch (error) {
      const why = reasonOf(error);
      if (home.unreachable !== why) home.log.error("the approvals repository cannot be looked at", { error: why });
      home.unreachable = why;
      throw error;
    }
  }

  private async lookFor(digest: string): Promise<void> {
    for (let names = await unseen(this.home, digest); names !== undefined; names = await unseen(this.home, digest)) {
      await this.look(names);
      // What no merge key signed never becomes known.
      if (names.every((name) => !this.home.index.byName.has(name))) return;
    }
  }

  /** Never rejects: what fails is in the log and in `status`. */
  private poll(): Promise<void> {
    this.polling ??= this.alone(() => this.look())
      .catch((error: unknown) => {
        if (!this.closed) this.home.log.debug("a poll failed", { error: errorMessage(error) });
      })
      .finally(() => {
        this.polling = undefined;
      });
    return this.polling;
  }

  async propose(proposal: Proposal): Promise<{ approval: Approval; opened: boolean }> {
    const fit = fitProposal(proposal);
    return this.change(() => propose(this.home, fit, (digest) => this.lookFor(digest)));
  }

  async get(name: string): Promise<Approval | undefined> {
    const entry = await entryOf(this.home, name);
    return entry === undefined ? undefined : snapshot(entry);
  }

  async list(
    filter: { state?: ApprovalState; limit?: number; continue?: string } = {},
  ): Promise<{ items: Approval[]; continue?: string }> {
    const approvals = [...this.home.index.byName.values()].map(({ approval }) => approval);
    const { items, ...rest } = page(approvals, filter);
    return { items: items.map((approval) => snapshot({ approval })), ...rest };
  }

  async find(digest: string, change?: string): Promise<Approval | undefined> {
    if ((await unseen(this.home, digest)) !== undefined) await this.alone(() => this.lookFor(digest));
    const now = this.home.clock.now();
    const entries = this.home.index.of(digest);
    const entry = approvedFor(entries, { change, now }) ?? pendingOrDenied(entries, now);
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

  /** Of a break-glass, what a second person says of it. */
  approve(name: string, by: Actor, input: { reason: string; seen: string }): Promise<Approval> {
    return this.change(async () =>
      (await this.toReview(name))
        ? review(this.home, name, by, { reason: input.reason, verdict: "accepted" })
        : approve(this.home, name, by, input),
    );
  }

  deny(name: string, by: Actor, input: { reason: string; seen?: string }): Promise<Approval> {
    return this.change(async () =>
      (await this.toReview(name))
        ? review(this.home, name, by, { reason: input.reason, verdict: "rejected" })
        : deny(this.home, name, by, input),
    );
  }

  private async toReview(name: string): Promise<boolean> {
    return (await entryOf(this.home, name))?.approval.breakGlass !== undefined;
  }

  revoke(name: string, by: Actor, input: { reason: string }): Promise<Approval> {
    return this.change(() => revoke(this.home, name, by, input.reason));
  }

  cancel(name: string, by: string, reason: string): Promise<Approval> {
    return this.change(() => cancel(this.home, name, by, reason));
  }

  breakGlass(name: string, by: Actor, input: { reason: string }, terms: BreakGlassTerms): Promise<Approval> {
    return this.change(() => breakGlass(this.home, name, by, input.reason, terms));
  }

  review(name: string, by: Actor, input: { reason: string; verdict: "accepted" | "rejected" }): Promise<Approval> {
    return this.change(() => review(this.home, name, by, input));
  }

  use(name: string, exchangeId: string): Promise<UseResult> {
    return this.change(() => use(this.home, name, exchangeId, (names) => this.look(names)));
  }

  async release(name: string, n: number, exchangeId: string): Promise<void> {
    release(this.home, name, n, exchangeId);
  }

  async stands(name: string): Promise<boolean> {
    if (performance.now() - this.lookedAt > FRESH_MS) await this.poll();
    if (performance.now() - this.lookedAt > STALE_MS) return false;
    const entry = await entryOf(this.home, name);
    if (entry === undefined) return false;
    const { state, file } = entry.approval;
    if (state === "approved" || state === "consumed") return true;
    if (!entry.passed.includes("approved") || state !== "expired") return false;
    const [onMain] = await this.home.repository.read([`${this.home.guard.lastGood}:exceptions/${name}.yaml`]);
    return onMain === file;
  }

  kill(one: Kill): Promise<void> {
    return this.change(() => kill(this.home, one));
  }

  onKill(listener: (kill: Kill) => void): () => void {
    return this.home.kills.onKill(listener);
  }

  async refresh(): Promise<void> {
    // What is under way may have looked before whatever the caller was told of.
    await this.polling;
    await Promise.all([this.poll(), this.standing.refresh()]);
  }

  status(): HomeStatus {
    const { checkedAt, unreachable, guard, clock, index } = this.home;
    const now = clock.now();
    const overdue = [...index.byName.values()].filter(
      ({ approval: { breakGlass: one } }) => one !== undefined && one.review === undefined && one.reviewBy <= now,
    );
    return {
      checkedAt,
      ...(unreachable === undefined ? {} : { unreachable }),
      ...(guard.frozen === undefined ? {} : { frozen: guard.frozen }),
      warnings: this.warnings(),
      malformed: this.standing.malformed(),
      overdueReviews: overdue.map(({ approval }) => approval.name),
    };
  }

  /** Whoever can write the folder approves nothing, and can end what is pending, or stop it all. */
  private warnings(): string[] {
    const { path } = this.home.repository;
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
    return (mode & 0o022) === 0 ? [] : [`${path} can be written by others than its owner (chmod go-w)`];
  }

  reset(by: Actor, input: { commit: string; reason: string }): Promise<void> {
    return this.alone(async () => {
      await resetMain(this.home, by, input.commit, input.reason);
      await this.look();
    }).then(() => this.standing.refresh());
  }

  /** Looks at the repository and the clock. Runs by itself every second; a test with a clock of its own calls it. */
  sweep(): Promise<void> {
    return this.alone(() => this.look());
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
