import type { KeyObject } from "node:crypto";
import { sha256 } from "../../base/digest.ts";
import type { Approval } from "../types.ts";
import { readSignedCommit, type SignedCommit } from "./commits.ts";
import type { GitVote } from "./records.ts";
import type { Repository } from "./repository.ts";
import { fileAtMain, type Tip } from "./tree.ts";

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
  /** What `refs/sallyport/settled/<name>` points to, or "" while pending. */
  settled: string;
  /** Uses that the upstream definitely did not apply: n to the exchange that may try again. */
  released: Map<number, string>;
}

export const MAIN = "refs/heads/main";
export const BRANCHES = "refs/heads/sallyport/";
export const SETTLED = "refs/sallyport/settled/";
export const USED = "refs/sallyport/used/";

/** A pending entry. */
export function newEntry(approval: Approval, tree: string, branch: string): Entry {
  return { approval, votes: [], tree, branch, settled: "", released: new Map() };
}

/** A head, and the signed commits read so far from it back to its proposal. */
interface Walk {
  commits: SignedCommit[];
  next: string | undefined;
  ok: boolean;
}

function step(walk: Walk, commit: SignedCommit | undefined): void {
  walk.next = undefined;
  if (commit === undefined || walk.commits.length > 100) return;
  walk.commits.push(commit);
  walk.ok = commit.record.kind === "propose";
  // A merge's second parent is the branch; every other record has one parent.
  if (!walk.ok) walk.next = commit.record.kind === "merge" ? commit.parents[1] : commit.parents[0];
}

/** Plays the records, oldest first, into an entry; undefined where they contradict each other. */
function play(head: string, oldestFirst: SignedCommit[], file: string | undefined): Entry | undefined {
  const [first, ...rest] = oldestFirst;
  if (first?.record.kind !== "propose" || file === undefined) return undefined;
  const { name, at, proposal, file: fileHash } = first.record;
  if (sha256(file) !== fileHash) return undefined;
  const approval: Approval = { name, state: "pending", proposal, file, openedAt: at, approvals: [], uses: [] };
  const entry = newEntry(approval, first.tree, head);
  for (const { record } of rest) {
    if (!("name" in record) || record.name !== name || record.kind === "propose") return undefined;
    if (record.kind === "vote") entry.votes.push(record.vote);
    else {
      approval.state = ({ merge: "approved", deny: "denied", expire: "expired" } as const)[record.kind];
      approval.settledAt = record.kind === "deny" ? record.vote.at : record.at;
      if (record.kind === "deny") approval.denial = withoutGroups(record.vote);
      if (record.kind === "merge") {
        if (record.file !== fileHash) return undefined;
        entry.votes = record.approvals;
      }
    }
  }
  approval.approvals = entry.votes.map(withoutGroups);
  if (approval.state !== "pending") Object.assign(entry, { settled: head, branch: "" });
  return entry;
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
  const whole = walks.filter((walk) => walk.ok);
  const files = await repository.read(
    whole.map(({ commits }) => {
      const first = commits.at(-1);
      return first?.record.kind === "propose" ? `${first.oid}:exceptions/${first.record.name}.yaml` : "";
    }),
  );
  return heads.map((head, i) => {
    const walk = walks[i] as Walk;
    return walk.ok ? play(head, walk.commits.toReversed(), files[whole.indexOf(walk)]) : undefined;
  });
}

export function withoutGroups({ groups: _, ...vote }: GitVote): Approval["approvals"][number] {
  return vote;
}

/** Whether the file at the tip of main is, byte for byte, the one that was approved. Taking it away revokes it. */
export async function standsOnMain(repository: Repository, approval: Approval): Promise<boolean> {
  const [file] = await repository.read([fileAtMain(approval.name)]);
  return file !== undefined && file === approval.file;
}
