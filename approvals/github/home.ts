import { type Clock, systemClock } from "../../base/clock.ts";
import { DEFAULT_EXCEPTION_LIMITS } from "../../base/config/guardrails.ts";
import { errorMessage, Refusal, UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type Caps, DEFAULT_CAPS } from "../caps.ts";
import { pendingOrDenied } from "../denials.ts";
import { APPROVAL_NAME, parseException } from "../exception.ts";
import { HistoryGuard } from "../history.ts";
import { Kills } from "../kills.ts";
import { approvedFor } from "../let-through.ts";
import { ApprovalIndex, snapshot } from "../memory.ts";
import { page } from "../page.ts";
import { fitProposal } from "../proposals.ts";
import type { StandingLimits } from "../standing/meaning.ts";
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
import type { Person } from "../voters.ts";
import { breakGlass } from "./break-glass.ts";
import type { ContentBudget } from "./budget.ts";
import { warningsOf } from "./checks.ts";
import { GitHubClient, type GitHubCredential } from "./client.ts";
import { type HubContext, type HubEntry, known, logFailure } from "./context.ts";
import { cancel, deny, revoke } from "./decide.ts";
import { isLimited, reasonOf, unavailable, waitOf } from "./failures.ts";
import { kill } from "./kills.ts";
import { learn } from "./learn.ts";
import { blobAt, tipOf, viewOf } from "./main.ts";
import { Poll } from "./poll.ts";
import { CREATIONS, propose } from "./propose.ts";
import { pullsOf } from "./pulls.ts";
import { questions, reset } from "./resets.ts";
import { HubStanding } from "./standing.ts";
import { standsOnMain, use } from "./use.ts";
import { decideOnGitHub } from "./votes.ts";

export interface GitHubHomeOptions {
  /** `owner/name`. */
  repository: string;
  credential: GitHubCredential;
  /** The API of a GitHub Enterprise Server; github.com's where absent. */
  baseUrl?: string | undefined;
  caFile?: string | undefined;
  /** Where exceptions are merged into; `main` where absent. */
  branch?: string;
  /** Which team stands for a group of the guardrails' approvers, as `org/team`. */
  teams?: Readonly<Record<string, string>>;
  /** Keys of keys.hmacFile: the first makes the MAC of what the gateway writes, and any of them counts. */
  hmacKeys: readonly Uint8Array[];
  /** `people` of the configuration. */
  people: readonly Person[];
  log: Log;
  /** Where a human can see an approval. */
  url(name: string): string;
  /** Where the rules are described. */
  docsUrl?: string | undefined;
  clock?: Clock;
  limits?: Partial<Caps>;
  exceptionLimits?(): StandingLimits;
  /** approvals.state: the file of the last good main; in memory only where absent. */
  state?: string | undefined;
  /** 10 where absent; 0: never by itself, for tests. */
  pollSeconds?: number;
  /** For tests. */
  budget?: ContentBudget;
  deadlineMs?: number;
  fetch?: typeof fetch;
}

const EXPIRE_MS = 1000;
const CHECKS_MS = 600_000;
/** What could not be looked at for so long beyond a poll lifts nothing any more: it may have been taken back. */
const STALE_MS = 30_000;
/** What is written back as the gateway ends; the others do the rest. */
const CLOSING_MS = 2000;

/**
 * The policy-exceptions repository on GitHub. What is in memory answers; GitHub is the truth, and each change is one
 * creation of a ref, or one merge. Throws a UserError where it cannot be asked or the credential is not one.
 */
export async function openGitHubHome(options: GitHubHomeOptions): Promise<ApprovalHome> {
  const { repository, credential, baseUrl, caFile, log, budget, deadlineMs } = options;
  const client = await GitHubClient.open({
    repository,
    credential,
    baseUrl,
    caFile,
    log,
    ...(budget === undefined ? {} : { budget }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  });
  try {
    const home = await contextOf(options, client);
    const opened = new HubHome(home, options);
    await opened.start();
    return opened;
  } catch (error) {
    await client.close();
    if (error instanceof UserError) throw error;
    throw new UserError(`the approvals repository ${repository} on GitHub cannot be opened: ${errorMessage(error)}`, {
      next: "Check approvals.repository and branch in sallyport.yaml, and that the App is installed on it.",
      cause: error,
    });
  }
}

async function contextOf(options: GitHubHomeOptions, client: GitHubClient): Promise<HubContext> {
  const { log, people, docsUrl, branch = "main", teams = {}, clock = systemClock } = options;
  const guard = new HistoryGuard({ file: options.state, repository: options.repository, clock, log });
  // While frozen, what was last good is what there is; a start without it has nothing else than what is there.
  const tip = guard.lastGood ?? (await tipOf(client, branch));
  const lanes = new Map<string, Promise<unknown>>();
  const home: HubContext = {
    client,
    index: new ApprovalIndex(log),
    pulls: new Map(),
    learning: new Map(),
    kills: new Kills(clock, log),
    broken: new Map(),
    revoked: new Map(),
    codeowners: new Map(),
    keys: options.hmacKeys,
    people,
    teams,
    clock,
    log,
    caps: { ...DEFAULT_CAPS, ...options.limits },
    exceptionLimits: () => options.exceptionLimits?.() ?? DEFAULT_EXCEPTION_LIMITS,
    branch,
    docsUrl,
    url: (name) => options.url(name),
    main: await viewOf(client, tip).catch((error) => {
      if (guard.lastGood === undefined) throw error;
      log.warn("the last good main is not there any more", { error: errorMessage(error) });
      return { commit: tip, tree: "", folders: { exceptions: new Map(), "break-glass": new Map() }, trees: {} };
    }),
    guard,
    async lookAtMain(present) {
      const before = guard.lastGood;
      const now = await tipOf(client, branch);
      // What was read before another look went on is no step backwards.
      if (guard.lastGood !== before) return home.lookAtMain(present);
      const asked = questions(() => home);
      if (!(await guard.look(now, asked, present))) guard.checkWhole();
      home.main = await viewOf(client, now, home.main);
      return home.main;
    },
    opening: new Set(),
    later: () => {},
    alone<T>(lane: string, work: () => Promise<T>): Promise<T> {
      const mine = (lanes.get(lane) ?? Promise.resolve()).then(work);
      const settled = mine.catch(() => undefined); // its caller has the error; the next in line goes on
      lanes.set(lane, settled);
      settled.then(() => lanes.get(lane) === settled && lanes.delete(lane));
      return mine;
    },
  };
  return home;
}

class HubHome implements ApprovalHome {
  readonly standing: HubStanding;
  readonly #home: HubContext;
  readonly #options: GitHubHomeOptions;
  readonly #poll: Poll;
  readonly #later = new Set<Promise<unknown>>();
  readonly #timers: NodeJS.Timeout[] = [];
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #closed = false;
  #pausedUntil = 0;
  #status: { checkedAt: number; unreachable?: string } = { checkedAt: 0 };
  #warnings: string[] = [];

  constructor(home: HubContext, options: GitHubHomeOptions) {
    this.#home = Object.assign(home, {
      later: (what: string, work: () => Promise<unknown>) => this.#doLater(what, work),
    });
    this.#options = options;
    this.standing = new HubStanding(home, (options.pollSeconds ?? 10) * 1000 + STALE_MS);
    this.#poll = new Poll(home, this.standing);
    home.client.budget.reserve(() => this.#reserved());
  }

  /** Reads what there is, and from then on what changes. */
  async start(): Promise<void> {
    const { pollSeconds = 10 } = this.#options;
    await Promise.all([this.#look(), this.#check()]);
    const every = (ms: number, work: () => unknown): void => {
      this.#timers.push(setInterval(() => void work(), ms).unref());
    };
    every(EXPIRE_MS, () => this.#poll.expire());
    every(CHECKS_MS, () => this.#check().catch((error) => logFailure(this.#home, "checking the repository", error)));
    if (pollSeconds > 0) every(pollSeconds * 1000, () => this.#next ?? this.refresh());
  }

  async propose(proposal: Proposal): Promise<{ approval: Approval; opened: boolean }> {
    const fit = fitProposal(proposal);
    return this.#asked(() => this.#home.alone(fit.digest, () => propose(this.#home, fit)));
  }

  async get(name: string): Promise<Approval | undefined> {
    const entry = this.#home.index.byName.get(name) ?? (await this.#old(name));
    return entry === undefined ? undefined : snapshot(entry);
  }

  /** One that was approved long ago: its file says which digest it is of. */
  async #old(name: string): Promise<HubEntry | undefined> {
    const home = this.#home;
    const blob = APPROVAL_NAME.test(name) ? home.main.folders.exceptions.get(name) : undefined;
    if (blob === undefined) return undefined;
    return this.#asked(async () => {
      const { match } = parseException(name, (await blobAt(home.client, blob)).toString("utf8")).spec;
      if (!("digest" in match)) return undefined;
      for (const pull of await pullsOf(home, match.digest)) await learn(home, pull);
      return home.index.byName.get(name);
    });
  }

  async list(
    filter: { state?: ApprovalState; limit?: number; continue?: string } = {},
  ): Promise<{ items: Approval[]; continue?: string }> {
    return page([...this.#home.index.byName.values()].map(snapshot), filter);
  }

  async find(digest: string, change?: string): Promise<Approval | undefined> {
    const now = this.#home.clock.now();
    const entries = this.#home.index.of(digest);
    const approved = entries.filter((one) => one.approval.state === "approved" && standsOnMain(this.#home, one));
    const entry = approvedFor(approved, { change, now }) ?? pendingOrDenied(entries, now);
    return entry === undefined ? undefined : snapshot(entry);
  }

  async waitSettled(name: string, signal: AbortSignal): Promise<Approval> {
    let entry = known(this.#home, name);
    while (entry.approval.state === "pending" && !signal.aborted && !this.#closed) {
      await this.#home.index.nextChange(name, signal);
      entry = this.#home.index.byName.get(name) ?? entry;
    }
    return snapshot(entry);
  }

  async approve(name: string): Promise<Approval> {
    throw decideOnGitHub(known(this.#home, name), "approved");
  }

  async review(name: string): Promise<Approval> {
    const entry = known(this.#home, name);
    throw decideOnGitHub(entry, "reviewed");
  }

  deny(name: string, by: Actor, input: { reason: string; seen?: string }): Promise<Approval> {
    return this.#on(name, (entry) => deny(this.#home, entry, by, input));
  }

  revoke(name: string, by: Actor, input: { reason: string }): Promise<Approval> {
    return this.#on(name, (entry) => revoke(this.#home, entry, by, input.reason));
  }

  cancel(name: string, by: string, reason: string): Promise<Approval> {
    return this.#on(name, (entry) => cancel(this.#home, entry, by, reason));
  }

  breakGlass(name: string, by: Actor, input: { reason: string }, terms: BreakGlassTerms): Promise<Approval> {
    return this.#on(name, (entry) => breakGlass(this.#home, entry, by, input, terms));
  }

  kill(wanted: Kill): Promise<void> {
    return this.#asked(() => kill(this.#home, wanted));
  }

  onKill(listener: (kill: Kill) => void): () => void {
    return this.#home.kills.onKill(listener);
  }

  use(name: string, exchangeId: string): Promise<UseResult> {
    const entry = this.#home.index.byName.get(name);
    if (entry === undefined) return Promise.resolve({ ok: false, reason: "not-approved" });
    return this.#on(name, () => use(this.#home, entry, exchangeId));
  }

  async release(name: string, n: number, exchangeId: string): Promise<void> {
    const entry = this.#home.index.byName.get(name);
    const spent = entry?.approval.uses.some((one) => one.n === n && one.exchangeId === exchangeId);
    // In memory only: after a crash nobody knows what the upstream did, so the use stays spent.
    if (spent === true) entry?.released.set(n, exchangeId);
  }

  async stands(name: string): Promise<boolean> {
    const entry = this.#home.index.byName.get(name);
    if (entry === undefined) return false;
    return ["approved", "consumed", "expired"].includes(entry.approval.state) && standsOnMain(this.#home, entry);
  }

  refresh(): Promise<void> {
    // One that runs may have asked before what its caller knows of happened.
    this.#next ??= this.#running.then(() => {
      this.#next = undefined;
      this.#running = this.#lookOrSay();
      return this.#running;
    });
    return this.#next;
  }

  status(): HomeStatus {
    const home = this.#home;
    const now = home.clock.now();
    const overdue = [...home.index.byName.values()].filter(
      ({ approval: { breakGlass: used } }) => used !== undefined && used.review === undefined && used.reviewBy <= now,
    );
    const frozen = home.guard.frozen;
    return {
      ...this.#status,
      ...(frozen === undefined ? {} : { frozen }),
      warnings: this.#warnings,
      malformed: this.standing.malformed(),
      overdueReviews: overdue.map(({ approval }) => approval.name),
      budget: home.client.budget.left(),
    };
  }

  async reset(by: Actor, input: { commit: string; reason: string }): Promise<void> {
    await this.#asked(() => reset(this.#home, by, input));
    await this.refresh();
  }

  onChange(listener: (approval: Approval) => void): () => void {
    return this.#home.index.onChange(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#home.index.wakeAll();
    this.#home.client.budget.close();
    const done = Promise.allSettled([...this.#later, this.#running]);
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, CLOSING_MS);
    await Promise.race([done, late.promise]);
    clearTimeout(timer);
    await this.#home.client.close();
  }

  /** One change of an approval at a time. */
  async #on<T>(name: string, work: (entry: HubEntry) => Promise<T>): Promise<T> {
    const entry = known(this.#home, name);
    return this.#asked(() => this.#home.alone(`name/${name}`, () => work(entry)));
  }

  async #asked<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new Refusal("draining", "the gateway is shutting down");
    try {
      return await work();
    } catch (error) {
      if (error instanceof Refusal || error instanceof TypeError) throw error;
      logFailure(this.#home, "asking GitHub", error);
      throw unavailable(error);
    }
  }

  #doLater(what: string, work: () => Promise<unknown>): void {
    if (this.#closed) return;
    const task = work().catch((error) => {
      if (!this.#closed) logFailure(this.#home, what, error);
    });
    this.#later.add(task);
    task.finally(() => this.#later.delete(task));
  }

  async #lookOrSay(): Promise<void> {
    if (this.#closed || Date.now() < this.#pausedUntil) return;
    try {
      await this.#look();
    } catch (error) {
      if (this.#closed) return;
      if (isLimited(error)) this.#pausedUntil = Date.now() + waitOf(error);
      this.#status = { ...this.#status, unreachable: reasonOf(error) };
      logFailure(this.#home, "looking at the approvals repository on GitHub", error);
    }
  }

  async #look(): Promise<void> {
    await this.#poll.run();
    this.#status = { checkedAt: this.#home.clock.now() };
  }

  async #check(): Promise<void> {
    const warnings = await warningsOf(this.#home, this.#options.credential as { installationId?: number });
    for (const warning of warnings) {
      if (!this.#warnings.includes(warning)) this.#home.log.warn(`approvals on GitHub: ${warning}`);
    }
    this.#warnings = warnings;
  }

  /** What those that wait for a decision or a use still need. */
  #reserved(): number {
    let open = 0;
    for (const { approval } of this.#home.index.byName.values()) {
      if (approval.state === "pending" || approval.state === "approved") open += 1;
    }
    return open * CREATIONS.use;
  }
}
