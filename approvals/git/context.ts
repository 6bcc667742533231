import type { KeyObject } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import type { ExceptionLimits } from "../../base/config/guardrails.ts";
import { Refusal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Caps } from "../caps.ts";
import { APPROVAL_NAME } from "../exception.ts";
import type { ApprovalIndex } from "../memory.ts";
import type { Person } from "../voters.ts";
import { signedCommit } from "./commits.ts";
import { BRANCHES, type Entry, SETTLED } from "./entry.ts";
import { readSettled } from "./load.ts";
import type { GitRecord } from "./records.ts";
import { type RefChange, RefConflict, type Repository } from "./repository.ts";
import type { MergeKey } from "./ssh-signature.ts";
import { readTip, type Tip } from "./tree.ts";

/** What the life cycle's parts share: the repository, the index over it, and who may sign. */
export interface HomeContext {
  readonly repository: Repository;
  readonly index: ApprovalIndex<Entry>;
  readonly key: MergeKey;
  readonly publicKeys: readonly KeyObject[];
  readonly people: readonly Person[];
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: Caps;
  /** What standing exceptions may be, by the guardrails in force. */
  exceptionLimits(): ExceptionLimits;
  url(name: string): string;
  /** The highest n of each digest's first 16 hex digits: no name is given twice. */
  highest: Map<string, number>;
  /** The tip of main as it was last seen. */
  tip: Tip | undefined;
}

/** The tip of main, from memory unless it is known to be old. */
export async function mainTip(home: HomeContext): Promise<Tip> {
  home.tip ??= await readTip(home.repository);
  return home.tip;
}

/** Writes a signed commit; resolves to its id. */
export function writeCommit(home: HomeContext, tree: string, parents: string[], record: GitRecord): Promise<string> {
  return home.repository.write("commit", signedCommit(home.key, tree, parents, home.clock.now(), record));
}

/** The entry of a name, from memory, or from the repository where it settled long ago. */
export async function entryOf(home: HomeContext, name: string): Promise<Entry | undefined> {
  if (!APPROVAL_NAME.test(name)) return undefined;
  const known = home.index.byName.get(name);
  if (known !== undefined) return known;
  const [prefix = "", n] = name.split("-");
  if (Number(n) > (home.highest.get(prefix) ?? 0)) return undefined;
  return readSettled(home.repository, home.publicKeys, name);
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

/** Puts a denial or an expiry on record: a signed commit on what it ends, and the branch is gone. */
export async function settle(
  home: HomeContext,
  entry: Entry,
  record: Extract<GitRecord, { kind: "deny" | "expire" }>,
): Promise<void> {
  const to = await writeCommit(home, entry.tree, [entry.branch || entry.settled], record);
  const changes: RefChange[] = [{ ref: SETTLED + entry.approval.name, from: entry.settled, to }];
  if (entry.branch !== "") {
    changes.push({ ref: BRANCHES + entry.approval.proposal.digest, from: entry.branch, to: "" });
  }
  await swapOrConflict(home, changes);
  Object.assign(entry, { settled: to, branch: "", merged: undefined });
  entry.approval.settledAt = home.clock.now();
}

/** Expires what nobody decided, and what nobody used, by its notAfter. */
export async function expireIfDue(home: HomeContext, entry: Entry): Promise<void> {
  const { state, proposal, name } = entry.approval;
  if ((state !== "pending" && state !== "approved") || proposal.notAfter > home.clock.now()) return;
  await settle(home, entry, { kind: "expire", name, at: home.clock.now() });
  entry.approval.state = "expired";
  home.index.changed(entry);
}
