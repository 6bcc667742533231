import type { KeyObject } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Caps } from "../caps.ts";
import { APPROVAL_NAME } from "../exception.ts";
import type { HistoryGuard } from "../history.ts";
import type { Kills } from "../kills.ts";
import type { ApprovalIndex } from "../memory.ts";
import type { StandingLimits } from "../standing/meaning.ts";
import type { ApprovalState } from "../types.ts";
import type { Person } from "../voters.ts";
import { signedCommit } from "./commits.ts";
import { BRANCHES, type Entry, SETTLED, USED } from "./entry.ts";
import { applyUses, readSettled, readUses } from "./load.ts";
import type { GitRecord } from "./records.ts";
import { type RefChange, RefConflict, type Repository } from "./repository.ts";
import type { MergeKey } from "./ssh-signature.ts";
import type { Tip } from "./tree.ts";

/** What the life cycle's parts share: the repository, the index over it, and who may sign. */
export interface HomeContext {
  readonly repository: Repository;
  readonly index: ApprovalIndex<Entry>;
  readonly guard: HistoryGuard;
  readonly kills: Kills;
  readonly key: MergeKey;
  readonly publicKeys: readonly KeyObject[];
  readonly people: readonly Person[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Caps;
  /** What standing exceptions may be, by the guardrails in force. */
  exceptionLimits(): StandingLimits;
  url(name: string): string;
  /** The highest n of each digest's first 16 hex digits: no name is given twice. */
  highest: Map<string, number>;
  /** The tip of main as it was last seen; `main.ts` has the one that is looked for. */
  tip: Tip | undefined;
  /** The commit of main at which every approved file was found to be there. */
  checkedMain: string | undefined;
  /** The exception files that were on it. */
  checkedNames: { has(name: string): boolean };
  /** Milliseconds since the epoch at which everything was last read; 0: never. */
  checkedAt: number;
  /** Why the repository did not answer when it was last asked. */
  unreachable: string | undefined;
}

/** Writes a signed commit; resolves to its id. */
export function writeCommit(home: HomeContext, tree: string, parents: string[], record: GitRecord): Promise<string> {
  return home.repository.write("commit", signedCommit(home.key, tree, parents, home.clock.now(), record));
}

/** The entry of a name, from memory, or from the repository where it settled long ago or elsewhere. */
export async function entryOf(home: HomeContext, name: string): Promise<Entry | undefined> {
  if (!APPROVAL_NAME.test(name)) return undefined;
  return home.index.byName.get(name) ?? readSettled(home.repository, home.publicKeys, name);
}

/** Changes refs, all or none; throws Refusal `conflict` where somebody else was faster. */
export async function swapOrConflict(home: HomeContext, changes: RefChange[]): Promise<void> {
  await home.repository.swap(changes).catch((error) => {
    throw asConflict(error);
  });
}

export function asConflict(error: unknown): unknown {
  if (!(error instanceof RefConflict)) return error;
  return new Refusal("conflict", "this approval was changed in the repository meanwhile", { cause: error });
}

/** Whether somebody else was faster: what is known here is old. */
export function isRefConflict(error: unknown): boolean {
  return error instanceof Refusal && error.details.cause instanceof RefConflict;
}

/** The change that takes a pending entry's branch away, whatever somebody made of it; none where it is gone. */
export function withoutBranch({ approval, branch, adrift }: Entry): RefChange[] {
  const from = adrift ?? branch;
  return from === "" ? [] : [{ ref: BRANCHES + approval.proposal.digest, from, to: "" }];
}

type Ending = Extract<GitRecord, { kind: "deny" | "expire" | "cancel" }>;

/**
 * Puts the end of entries on record, all or none: a signed commit on what each ends, and their branches are gone.
 * `unless`: what must be so besides.
 */
export async function settle(
  home: HomeContext,
  endings: readonly { entry: Entry; record: Ending; state: ApprovalState }[],
  unless: readonly RefChange[] = [],
): Promise<void> {
  const commits = await Promise.all(
    endings.map(({ entry, record }) => writeCommit(home, entry.tree, [entry.branch || entry.settled], record)),
  );
  const changes = endings.flatMap(({ entry }, i): RefChange[] => [
    { ref: SETTLED + entry.approval.name, from: entry.settled, to: commits[i] ?? "" },
    ...withoutBranch(entry),
  ]);
  await swapOrConflict(home, [...changes, ...unless]);
  endings.forEach(({ entry, state }, i) => {
    settled(home, entry, commits[i] ?? "");
    moved(entry, state);
  });
}

/** The entry's branch is gone, and this commit says what became of it. */
export function settled(home: HomeContext, entry: Entry, commit: string): void {
  Object.assign(entry, { settled: commit, branch: "", adrift: undefined, merged: undefined });
  entry.approval.settledAt ??= home.clock.now();
}

/** The state that its records say; the caller tells of it. */
export function moved(entry: Entry, state: ApprovalState): void {
  entry.approval.state = state;
  entry.passed.push(state);
}

/**
 * Takes over what the repository says of an entry's uses, and tells of it where the last one is spent by that. `told`:
 * the state that listeners know of.
 */
export function takeUses(
  home: HomeContext,
  entry: Entry,
  uses: Entry["approval"]["uses"],
  told = entry.approval.state,
): void {
  applyUses(entry, uses);
  const { name, proposal, state } = entry.approval;
  for (const { n } of uses) home.guard.keep(`${USED}${name}/${n}`, proposal.notAfter);
  if (state !== told) home.index.changed(entry);
}

/** The uses of an approval as the repository has them, by whichever gateway. */
export async function usesOf(home: HomeContext, name: string): Promise<Entry["approval"]["uses"]> {
  return (await readUses(home.repository, `${USED}${name}/`)).get(name) ?? [];
}

/** The change that holds only while nobody has used it since it was last looked at. */
function unused({ approval: { name, uses } }: Entry): RefChange {
  return { ref: `${USED}${name}/${(uses.at(-1)?.n ?? 0) + 1}`, from: "", to: "" };
}

/** Expires what nobody decided, and what nobody used, by its notAfter: what another gateway has used is consumed. */
export async function expireIfDue(home: HomeContext, entry: Entry): Promise<void> {
  const { state, proposal, name } = entry.approval;
  if ((state !== "pending" && state !== "approved") || proposal.notAfter > home.clock.now()) return;
  const ending = { entry, record: { kind: "expire", name, at: home.clock.now() }, state: "expired" } as const;
  await settle(home, [ending], state === "approved" ? [unused(entry)] : []);
  home.index.changed(entry);
}
