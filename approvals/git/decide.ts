import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { inOrder, seenDigest, together } from "../batch.ts";
import { snapshot } from "../memory.ts";
import { clip } from "../text.ts";
import type { Actor, Approval } from "../types.ts";
import { checkApprover, checkDecider, requirementsMet, samePerson } from "../voters.ts";
import {
  entryOf,
  expireIfDue,
  type HomeContext,
  moved,
  settle,
  settled,
  swapOrConflict,
  writeCommit,
} from "./context.ts";
import { BRANCHES, type Entry, SETTLED, withoutGroups } from "./entry.ts";
import { changeMain } from "./main.ts";
import type { GitVote } from "./records.ts";
import type { RefChange } from "./repository.ts";
import { blobId, type Tip, treeWithFile } from "./tree.ts";

const LONGEST_REASON = 1024;

/** The entry of a name. Throws Refusal `not-found`. */
export async function known(home: HomeContext, name: string): Promise<Entry> {
  const entry = await entryOf(home, name);
  if (entry === undefined) throw new Refusal("not-found", "there is no such approval");
  return entry;
}

/** What is decided together with an entry, itself among it, in order of names. */
function members(home: HomeContext, entry: Entry): Entry[] {
  const others = [...home.index.byName.values()].filter(
    (other) => other !== entry && together(entry.approval, other.approval),
  );
  const names = new Map([entry, ...others].map((one) => [one.approval.name, one]));
  return inOrder([...names.values()].map(({ approval }) => approval)).flatMap(({ name }) => names.get(name) ?? []);
}

/** Says on each pending entry of a batch what is decided with it; called whenever one joins or leaves. */
export function regroup(home: HomeContext, { approval }: Entry): void {
  const { requester, batch } = approval.proposal;
  if (batch !== true) return;
  for (const entry of home.index.byName.values()) {
    if (entry.approval.state !== "pending" || entry.approval.proposal.requester.session !== requester.session) continue;
    const names = members(home, entry).map((one) => one.approval.name);
    if (names.length > 1) entry.approval.batch = names;
    else delete entry.approval.batch;
  }
}

/**
 * What of a pending batch the decision is about: those whose files were seen, the one or all of them; nothing that was
 * not shown. Throws Refusal `conflict`.
 */
async function checkPending(
  home: HomeContext,
  entry: Entry,
  seen: string | undefined,
): Promise<{ all: Entry[]; shown: Entry[] }> {
  for (const member of members(home, entry)) await expireIfDue(home, member);
  const { state } = entry.approval;
  if (state !== "pending") throw new Refusal("conflict", `this approval is already ${state}`);
  const all = members(home, entry);
  const whole = seen === undefined || seen === seenDigest(all.map(({ approval }) => approval));
  if (!whole && seen !== sha256(entry.approval.file)) {
    throw new Refusal("conflict", "the file that you were shown is not the one that is proposed", {
      next: "Look at it again before you decide.",
    });
  }
  return { all, shown: whole ? all : [entry] };
}

export function voteOf(home: HomeContext, { approval }: Entry, by: Actor, reason: string): GitVote {
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

interface Voted {
  entry: Entry;
  votes: GitVote[];
}

/** One person's approval of what they saw; the merge follows when every requirement of the whole batch is met. */
export async function approve(
  home: HomeContext,
  name: string,
  by: Actor,
  input: { reason: string; seen: string },
): Promise<Approval> {
  const entry = await known(home, name);
  checkApprover(home.people, entry.approval.proposal, by);
  const { all, shown } = await checkPending(home, entry, input.seen);
  for (const member of shown) checkApprover(home.people, member.approval.proposal, by);
  const open = shown.filter(({ votes }) => !votes.some((vote) => samePerson(home.people, vote.username, by.username)));
  if (open.length === 0) throw new Refusal("conflict", "you have already approved this; it waits for others");
  const voted = all.map(
    (member): Voted => ({
      entry: member,
      votes: open.includes(member) ? [...member.votes, voteOf(home, member, by, input.reason)] : member.votes,
    }),
  );
  const met = voted.every((one) => requirementsMet(home.people, one.entry.approval.proposal.requirements, one.votes));
  if (met) await merge(home, voted);
  else
    await addVotes(
      home,
      voted.filter(({ entry }) => open.includes(entry)),
    );
  return snapshot(entry);
}

export async function deny(
  home: HomeContext,
  name: string,
  by: Actor,
  input: { reason: string; seen?: string },
): Promise<Approval> {
  const entry = await known(home, name);
  for (const member of members(home, entry)) checkDecider(home.people, member.approval.proposal, by);
  const { all } = await checkPending(home, entry, input.seen);
  const batch = all.length > 1 ? { batch: all.map(({ approval }) => approval.name) } : {};
  const endings = all.map((member) => {
    const vote = voteOf(home, member, by, input.reason);
    return {
      entry: member,
      vote,
      record: { kind: "deny", name: member.approval.name, vote, ...batch } as const,
      state: "denied" as const,
    };
  });
  await settle(home, endings);
  for (const { entry: member, vote } of endings) {
    member.approval.denial = withoutGroups(vote);
    home.index.changed(member);
  }
  return snapshot(entry);
}

function setVotes(entry: Entry, votes: GitVote[]): void {
  entry.votes = votes;
  entry.approval.approvals = votes.map(withoutGroups);
}

async function addVotes(home: HomeContext, voted: readonly Voted[]): Promise<void> {
  const commits = await Promise.all(
    voted.map(({ entry, votes }) => {
      const vote = votes.at(-1) as GitVote;
      return writeCommit(home, entry.tree, [entry.branch], { kind: "vote", name: entry.approval.name, vote });
    }),
  );
  const changes = voted.map(({ entry }, i): RefChange => {
    const { proposal } = entry.approval;
    return { ref: BRANCHES + proposal.digest, from: entry.branch, to: commits[i] ?? "" };
  });
  await swapOrConflict(home, changes);
  voted.forEach(({ entry, votes }, i) => {
    entry.branch = commits[i] ?? "";
    setVotes(entry, votes);
  });
}

/** Brings the files to main, all or none, each in a commit of its own. */
async function merge(home: HomeContext, voted: readonly Voted[]): Promise<void> {
  const at = home.clock.now();
  const batch = voted.length > 1 ? { batch: voted.map(({ entry }) => entry.approval.name) } : {};
  const commits = new Map<Entry, string>();
  await changeMain(home, async (tip) => {
    let next = tip;
    const changes: RefChange[] = [];
    for (const { entry, votes } of voted) {
      const { name, file, proposal } = entry.approval;
      const merged = await treeOf(home, entry, next);
      const record = { kind: "merge", name, at, file: sha256(file), approvals: votes, ...batch } as const;
      const to = await writeCommit(home, merged.tree, [next.commit, entry.branch], record);
      commits.set(entry, to);
      next = { ...merged, commit: to };
      changes.push(
        { ref: SETTLED + name, from: "", to },
        { ref: BRANCHES + proposal.digest, from: entry.branch, to: "" },
      );
    }
    return { next, changes };
  });
  for (const { entry, votes } of voted) {
    settled(home, entry, commits.get(entry) ?? "");
    setVotes(entry, votes);
    moved(entry, "approved");
  }
  for (const { entry } of voted) home.index.changed(entry);
}

function treeOf(home: HomeContext, entry: Entry, tip: Tip): Promise<Tip> | Tip {
  if (entry.merged?.commit === tip.commit) return entry.merged;
  return treeWithFile(home.repository, tip, entry.approval.name, blobId(entry.approval.file));
}
