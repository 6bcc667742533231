import type { Clock } from "../../base/clock.ts";
import { errorMessage, Refusal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Caps } from "../caps.ts";
import type { HistoryGuard, Present } from "../history.ts";
import type { Kills } from "../kills.ts";
import type { ApprovalIndex } from "../memory.ts";
import type { StandingLimits } from "../standing/meaning.ts";
import type { Approval, ApprovalState, Proposal } from "../types.ts";
import type { Person } from "../voters.ts";
import type { GitHubClient } from "./client.ts";
import type { MainView } from "./main.ts";
import type { Keys, RecordOf } from "./records.ts";

/** A pull request of ours: one request's, or a batch's. */
export interface HubPull {
  number: number;
  url: string;
  /** Its branch, without `refs/heads/`. */
  branch: string;
  /** The commit that we made last on it: a review of another one counts for nothing. */
  head: string;
  /** As it was when it was last looked at. */
  updatedAt: string;
  members: HubEntry[];
  /** Of a batch: the branch of each further member's digest, and the commit that it points to. */
  locks?: Map<string, string>;
  /** Of a batch: since when its text was seen not to show all of it, by this machine's clock. */
  behind?: number | undefined;
  /** Closed or merged, and not judged to the end yet: GitHub did not answer, or not all of it. */
  unjudged: boolean;
  /** Opened by this gateway, which writes the comments and tidies up; the others do where it does not. */
  ours: boolean;
  /** The commit that merged it, and the one of main before. */
  merged?: { commit: string; base: string };
}

export interface HubEntry {
  approval: Approval;
  pull: HubPull;
  /** Uses that the upstream definitely did not apply: n to the exchange that may try again. */
  released: Map<number, string>;
  /** The pull request in which a break-glass is reviewed. */
  review?: { number: number; head: string };
}

/** What the parts of the home share. */
export interface HubContext {
  readonly client: GitHubClient;
  readonly index: ApprovalIndex<HubEntry>;
  /** By number, of what is in the index. */
  readonly pulls: Map<number, HubPull>;
  /** Pull requests that are being read for the first time. */
  readonly learning: Map<number, Promise<void>>;
  readonly kills: Kills;
  /** Break-glasses on record, by the approval's name. */
  readonly broken: Map<string, RecordOf<"break-glass">>;
  /** Approvals with a ref that takes them back, and the commit that says who did and why. */
  readonly revoked: Map<string, string>;
  /** CODEOWNERS by commit, "" where there is none. */
  readonly codeowners: Map<string, string>;
  readonly keys: Keys;
  readonly people: readonly Person[];
  readonly teams: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly caps: Caps;
  /** `exceptions` of the guardrails in force. */
  exceptionLimits(): StandingLimits;
  readonly branch: string;
  readonly docsUrl: string | undefined;
  url(name: string): string;
  /** main as it was last seen whole; `frozen` says why nothing newer counts. */
  main: MainView;
  readonly guard: HistoryGuard;
  /** Looks at main now. Throws Refusal `approvals-unavailable` where its history was rewritten. */
  lookAtMain(present?: Present): Promise<MainView>;
  /** Proposals that are being opened: they count as pending. */
  readonly opening: Set<Proposal>;
  /** Work that nobody waits for: comments, labels, branches. Its errors are logged. */
  later(what: string, work: () => Promise<unknown>): void;
  /** One change of a digest at a time, in this gateway. */
  alone<T>(digest: string, work: () => Promise<T>): Promise<T>;
}

/** Whether a state may follow another: what is settled for good stays as it is. */
const NEXT: Record<ApprovalState, readonly ApprovalState[]> = {
  pending: ["approved", "denied", "expired", "cancelled", "revoked"],
  approved: ["consumed", "expired", "revoked"],
  consumed: ["revoked"],
  denied: [],
  // What was let begin goes on when its approval expires, and ends when that is taken back.
  expired: ["revoked"],
  cancelled: [],
  revoked: [],
};

/** Moves an approval on and tells of it, once; false where it has moved on already. */
export function move(home: HubContext, entry: HubEntry, state: ApprovalState, more: Partial<Approval> = {}): boolean {
  const { approval } = entry;
  if (!NEXT[approval.state].includes(state)) return false;
  const settled = approval.state === "pending" ? { settledAt: home.clock.now() } : {};
  Object.assign(approval, settled, more, { state });
  if (home.index.byName.get(approval.name) === entry) home.index.changed(entry);
  return true;
}

/** Says on what is pending still what is decided with it, once one of a batch is not any more. */
export function regroup({ members }: HubPull): void {
  const pending = members.filter(({ approval }) => approval.state === "pending");
  const names = pending.map(({ approval }) => approval.name);
  for (const { approval } of pending) {
    if (names.length > 1) approval.batch = names;
    else delete approval.batch;
  }
}

/** The entry of a name, where it is known. Throws Refusal `not-found`. */
export function known(home: HubContext, name: string): HubEntry {
  const entry = home.index.byName.get(name);
  if (entry === undefined) throw new Refusal("not-found", "there is no such approval");
  return entry;
}

export function due({ approval }: HubEntry, now: number): boolean {
  return (approval.state === "pending" || approval.state === "approved") && approval.proposal.notAfter <= now;
}

export function logFailure(home: Pick<HubContext, "log">, what: string, error: unknown): void {
  home.log.warn(`${what} failed`, { error: errorMessage(error) });
}
