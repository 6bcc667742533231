import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { snapshot } from "../memory.ts";
import { clip } from "../text.ts";
import type { Actor, Approval } from "../types.ts";
import { checkApprover, checkDecider, requirementsMet, samePerson } from "../voters.ts";
import {
  asConflict,
  entryOf,
  expireIfDue,
  type HomeContext,
  mainTip,
  settle,
  swapOrConflict,
  writeCommit,
} from "./context.ts";
import { BRANCHES, type Entry, MAIN, SETTLED, withoutGroups } from "./entry.ts";
import type { GitVote } from "./records.ts";
import { RefConflict } from "./repository.ts";
import { blobId, readTip, treeWithFile } from "./tree.ts";

const TRIES = 5;
const LONGEST_REASON = 1024;

async function known(home: HomeContext, name: string): Promise<Entry> {
  const entry = await entryOf(home, name);
  if (entry === undefined) throw new Refusal("not-found", "there is no such approval");
  return entry;
}

/** A pending entry whose file is the one that was seen. Throws Refusal `conflict`. */
async function checkPending(home: HomeContext, entry: Entry, seen: string | undefined): Promise<void> {
  await expireIfDue(home, entry);
  const { state, file } = entry.approval;
  if (state !== "pending") throw new Refusal("conflict", `this approval is already ${state}`);
  if (seen !== undefined && seen !== sha256(file)) {
    throw new Refusal("conflict", "the file that you were shown is not the one that is proposed", {
      next: "Look at it again before you decide.",
    });
  }
}

function voteOf(home: HomeContext, { approval }: Entry, by: Actor, reason: string): GitVote {
  // Only the groups that an approver is named by: they are why the vote counts, and they are evidence.
  const approvers = new Set(approval.proposal.requirements.flatMap((requirement) => requirement.approvers));
  const groups = by.groups.filter((group) => approvers.has(`group:${group}`));
  return {
    issuer: by.issuer,
    username: by.username,
    groups,
    at: home.clock.now(),
    reason: clip(reason, LONGEST_REASON),
  };
}

/** One person's approval; the merge follows when every requirement is met. */
export async function approve(
  home: HomeContext,
  name: string,
  by: Actor,
  input: { reason: string; seen: string },
): Promise<Approval> {
  const entry = await known(home, name);
  const { proposal } = entry.approval;
  checkApprover(home.people, proposal, by);
  await checkPending(home, entry, input.seen);
  if (entry.votes.some((vote) => samePerson(home.people, vote.username, by.username))) {
    throw new Refusal("conflict", "you have already approved this; it waits for others");
  }
  const votes = [...entry.votes, voteOf(home, entry, by, input.reason)];
  if (requirementsMet(home.people, proposal.requirements, votes)) await merge(home, entry, votes);
  else await addVote(home, entry, votes);
  return snapshot(entry);
}

export async function deny(
  home: HomeContext,
  name: string,
  by: Actor,
  input: { reason: string; seen?: string },
): Promise<Approval> {
  const entry = await known(home, name);
  checkDecider(home.people, entry.approval.proposal, by);
  await checkPending(home, entry, input.seen);
  const vote = voteOf(home, entry, by, input.reason);
  await settle(home, entry, { kind: "deny", name, vote });
  entry.approval.state = "denied";
  entry.approval.denial = withoutGroups(vote);
  home.index.changed(entry);
  return snapshot(entry);
}

function setVotes(entry: Entry, votes: GitVote[]): void {
  entry.votes = votes;
  entry.approval.approvals = votes.map(withoutGroups);
}

async function addVote(home: HomeContext, entry: Entry, votes: GitVote[]): Promise<void> {
  const vote = votes.at(-1) as GitVote;
  const to = await writeCommit(home, entry.tree, [entry.branch], { kind: "vote", name: entry.approval.name, vote });
  await swapOrConflict(home, [{ ref: BRANCHES + entry.approval.proposal.digest, from: entry.branch, to }]);
  entry.branch = to;
  setVotes(entry, votes);
}

async function merge(home: HomeContext, entry: Entry, votes: GitVote[]): Promise<void> {
  const { name, file, proposal } = entry.approval;
  const record = { kind: "merge", name, at: home.clock.now(), file: sha256(file), approvals: votes } as const;
  for (let i = 1; ; i++) {
    const tip = await mainTip(home);
    const merged =
      entry.merged?.commit === tip.commit ? entry.merged : await treeWithFile(home.repository, tip, name, blobId(file));
    const to = await writeCommit(home, merged.tree, [tip.commit, entry.branch], record);
    try {
      await home.repository.swap([
        { ref: MAIN, from: tip.commit, to },
        { ref: SETTLED + name, from: "", to },
        { ref: BRANCHES + proposal.digest, from: entry.branch, to: "" },
      ]);
      home.tip = { ...merged, commit: to };
      Object.assign(entry, { settled: to, branch: "", merged: undefined });
      break;
    } catch (error) {
      // main may move under us; the proposal's own refs may not.
      home.tip = await readTip(home.repository);
      if (!(error instanceof RefConflict) || home.tip.commit === tip.commit || i === TRIES) throw asConflict(error);
    }
  }
  setVotes(entry, votes);
  entry.approval.state = "approved";
  entry.approval.settledAt = record.at;
  home.index.changed(entry);
}
