import type { KeyObject } from "node:crypto";
import { sha256 } from "../../base/digest.ts";
import type { Approval, ApprovalState, Proposal } from "../types.ts";
import { readSignedCommit, type SignedCommit } from "./commits.ts";
import type { GitRecord, GitVote } from "./records.ts";
import type { Repository } from "./repository.ts";
import type { Tip } from "./tree.ts";

/** One approval as the repository has it, and what the next change of it is compared with. */
export interface Entry {
  approval: Approval;
  /** The votes, with the groups that made each voter an approver. */
  votes: GitVote[];
  /** Tree of the proposal, which every later commit of the branch and a denial keep. */
  tree: string;
  /** That tree as lines, where it is in memory: while main does not move it is the merge's tree as well. */
  merged?: Tip | undefined;
  /** The branch's head, or "" once settled. */
  branch: string;
  /** Where somebody pushed to the branch, or deleted it (""): what is there now, and must go when the entry settles. */
  adrift?: string | undefined;
  /** What `refs/sallyport/settled/<name>` points to, or "" while pending. */
  settled: string;
  /** States that it went through, the present one last; a use is none of the branch's or the settlement's. */
  passed: ApprovalState[];
  /** Uses that the upstream definitely did not apply: n to the exchange that may try again. */
  released: Map<number, string>;
}

export const MAIN = "refs/heads/main";
export const BRANCHES = "refs/heads/sallyport/";
export const SETTLED = "refs/sallyport/settled/";
export const USED = "refs/sallyport/used/";
/** Points to the commit that says so: what was taken back is found among all that settled. */
export const REVOKED = "refs/sallyport/revoked/";
/** Points to the commit of a break-glass while it awaits its review. */
export const BREAK_GLASS = "refs/sallyport/break-glass/";
export const KILLED = "refs/sallyport/killed/";
export const RESETS = "refs/sallyport/reset/";

/** A pending entry. */
export function newEntry(approval: Approval, tree: string, branch: string): Entry {
  return { approval, votes: [], tree, branch, settled: "", passed: ["pending"], released: new Map() };
}

/** A head, and the signed commits read so far from it back to its proposal. */
interface Walk {
  commits: SignedCommit[];
  next: string | undefined;
  ok: boolean;
}

/** Commits that are on main: their first parent is main's tip, and their second what they settle. */
const ON_MAIN = new Set<GitRecord["kind"]>(["merge", "break-glass", "revoke"]);

function step(walk: Walk, commit: SignedCommit | undefined): void {
  walk.next = undefined;
  if (commit === undefined || walk.commits.length > 100) return;
  walk.commits.push(commit);
  walk.ok = commit.record.kind === "propose";
  if (!walk.ok) walk.next = ON_MAIN.has(commit.record.kind) ? commit.parents[1] : commit.parents[0];
}

/** What a break-glass lets through: the same request, for as long as it lasts, once. */
export function brokenGlass(proposal: Proposal, notAfter: number): Proposal {
  return { ...proposal, notAfter, maxUses: 1 };
}

/** Plays the records, oldest first, into an entry; undefined where they contradict each other. `files`: by commit. */
function play(
  head: string,
  oldestFirst: SignedCommit[],
  files: ReadonlyMap<string, string | undefined>,
): Entry | undefined {
  const [first, ...rest] = oldestFirst;
  const file = files.get(first?.oid ?? "");
  if (first?.record.kind !== "propose" || file === undefined) return undefined;
  const { name, at, proposal, file: fileHash } = first.record;
  if (sha256(file) !== fileHash) return undefined;
  const approval: Approval = { name, state: "pending", proposal, file, openedAt: at, approvals: [], uses: [] };
  const entry = newEntry(approval, first.tree, head);
  for (const { oid, record } of rest) {
    if (!("name" in record) || record.name !== name || !apply(entry, record, files.get(oid))) return undefined;
  }
  approval.approvals = entry.votes.map(withoutGroups);
  if (approval.state !== "pending") Object.assign(entry, { settled: head, branch: "" });
  return entry;
}

type NamedRecord = Extract<GitRecord, { name: string }>;

/** Whether the record may follow on what the entry is; if so, the entry is what it says. */
function apply(entry: Entry, record: NamedRecord, file: string | undefined): boolean {
  const { approval } = entry;
  const to = (state: ApprovalState, settledAt: number): boolean => {
    approval.state = state;
    approval.settledAt ??= settledAt;
    entry.passed.push(state);
    return true;
  };
  switch (record.kind) {
    case "propose":
      return false;
    case "vote":
      entry.votes.push(record.vote);
      return approval.state === "pending";
    case "merge":
      entry.votes = record.approvals;
      if (record.batch !== undefined) approval.batch = record.batch;
      return approval.state === "pending" && record.file === sha256(approval.file) && to("approved", record.at);
    case "deny":
      approval.denial = withoutGroups(record.vote);
      if (record.batch !== undefined) approval.batch = record.batch;
      return approval.state === "pending" && to("denied", record.vote.at);
    case "expire":
      return (approval.state === "pending" || approval.state === "approved") && to("expired", record.at);
    case "cancel":
    case "revoke": {
      const { by, at, reason } = record;
      approval.ended = { by, at, reason };
      if (record.kind === "cancel") return approval.state === "pending" && to("cancelled", at);
      return approval.state === "approved" && to("revoked", at);
    }
    case "break-glass": {
      const { vote, notAfter, reviewBy } = record;
      approval.proposal = brokenGlass(approval.proposal, notAfter);
      approval.breakGlass = { by: withoutGroups(vote), reviewBy };
      if (approval.state !== "pending" || file === undefined || record.file !== sha256(file)) return false;
      approval.file = file;
      return to("approved", vote.at);
    }
    case "review":
      if (approval.breakGlass === undefined || approval.breakGlass.review !== undefined) return false;
      approval.breakGlass.review = { ...withoutGroups(record.vote), verdict: record.verdict };
      return true;
  }
}

/**
 * Reads approvals from the commits behind each head (a branch's, or a settlement's), in as many git processes
 * as the longest of them has commits. Undefined where a commit is not signed by a merge key, the records
 * contradict each other, or the file is not the one that was signed for: such a thing approves nothing.
 */
export async function readEntries(
  repository: Repository,
  keys: readonly KeyObject[],
  heads: readonly string[],
): Promise<(Entry | undefined)[]> {
  const walks: Walk[] = heads.map((head) => ({ commits: [], next: head, ok: false }));
  for (;;) {
    const open = walks.filter((walk) => walk.next !== undefined);
    if (open.length === 0) break;
    const texts = await repository.read(open.map((walk) => walk.next as string));
    open.forEach((walk, i) => {
      const text = texts[i];
      step(walk, text === undefined ? undefined : readSignedCommit(keys, walk.next as string, text));
    });
  }
  const withFile = walks
    .filter(({ ok }) => ok)
    .flatMap(({ commits }) => commits)
    .flatMap(({ oid, record }) =>
      record.kind === "propose" || record.kind === "break-glass" ? [{ oid, name: record.name }] : [],
    );
  const texts = await repository.read(withFile.map(({ oid, name }) => `${oid}:exceptions/${name}.yaml`));
  const files = new Map(withFile.map(({ oid }, i) => [oid, texts[i]]));
  return heads.map((head, i) => {
    const walk = walks[i] as Walk;
    return walk.ok ? play(head, walk.commits.toReversed(), files) : undefined;
  });
}

export function withoutGroups({ groups: _, ...vote }: GitVote): Approval["approvals"][number] {
  return vote;
}
