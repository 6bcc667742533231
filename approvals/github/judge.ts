import { clip } from "../text.ts";
import type { Vote } from "../types.ts";
import { letThrough, lookAtBreakGlass } from "./broken.ts";
import { type HubContext, type HubEntry, type HubPull, move } from "./context.ts";
import { blobId } from "./main.ts";
import { commentsOf, endWith, outcomesIn, removeBranches, tidyLater } from "./outcome.ts";
import { shownIn } from "./pulls.ts";
import { countFor, decider, reviewsOf } from "./votes.ts";
import {
  changedFileShape,
  commitShape,
  compareShape,
  eventShape,
  fileShape,
  issueShape,
  type Pull,
  type PullDetail,
  pullDetailShape,
  timeOf,
  type User,
} from "./wire.ts";

type Verdict =
  | { kind: "approved"; votes: Map<HubEntry, Vote[]>; merged: { commit: string; base: string } }
  | { kind: "nothing"; reason: string; state?: "revoked" }
  /** GitHub does not show all of the merge yet. */
  | { kind: "later" };

/** What a closed or merged pull request decided about its requests. Throws where GitHub cannot be asked. */
export async function judgePull(home: HubContext, pull: HubPull): Promise<void> {
  const now = home.clock.now();
  const detail = await home.client.get(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    { pull_number: pull.number },
    pullDetailShape,
  );
  if (detail.state === "open") {
    pull.unjudged = false;
    return;
  }
  pull.unjudged = true;
  if (!detail.merged) await judgeClosed(home, pull, detail);
  else {
    const verdict = await judgeMerge(home, pull, detail);
    if (verdict.kind === "later") return;
    if (verdict.kind === "nothing") {
      const { state = "cancelled" as const, reason: why } = verdict;
      const reason = state === "revoked" ? why : `merged, and it approves nothing: ${why}`;
      const ending = { kind: state, at: now, reason };
      for (const entry of pull.members) endWith(home, entry, ending);
    } else {
      pull.merged = verdict.merged;
      for (const [entry, approvals] of verdict.votes) {
        const settledAt = timeOf(detail.merged_at, now);
        const { name, proposal } = entry.approval;
        // Too late: the file itself says until when it counts. One that was merged in time, and is new here, may be used.
        const unseen = home.index.byName.get(name) !== entry && settledAt < proposal.notAfter;
        if (proposal.notAfter <= now && !unseen) endWith(home, entry, { kind: "expired", at: now });
        else move(home, entry, "approved", { approvals, settledAt });
      }
      // Where delete_branch_on_merge is off. Creating the branch is the lock, and the next request needs it.
      if (pull.ours) home.later(`taking the branch of ${pull.url} away`, () => removeBranches(home, pull));
    }
  }
  pull.unjudged = false;
}

async function judgeMerge(home: HubContext, pull: HubPull, detail: PullDetail): Promise<Verdict> {
  const wrong =
    wrongPull(home, pull, detail) ?? wrongText(home, pull, detail) ?? (await wrongFiles(home, pull, detail));
  if (wrong !== undefined) return { kind: "nothing", reason: wrong };
  const commit = detail.merge_commit_sha;
  if (commit == null) return { kind: "later" };
  const { parents } = await home.client.get(
    "GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
    { commit_sha: commit },
    commitShape,
  );
  // One commit was merged, so that main as it was before is the first parent, however it was merged.
  const base = parents[0]?.sha;
  if (base === undefined) return { kind: "nothing", reason: "the commit that merged it has no parent" };
  for (const { approval } of pull.members) {
    const file = await home.client.find(
      "GET /repos/{owner}/{repo}/contents/{path}",
      { path: `exceptions/${approval.name}.yaml`, ref: commit },
      fileShape,
    );
    if (file === undefined || !Buffer.from(file.content, "base64").equals(Buffer.from(approval.file))) {
      return { kind: "nothing", reason: `the bytes of ${approval.name} that were merged are not the proposed ones` };
    }
  }
  const [reviews, again] = await Promise.all([reviewsOf(home, pull.number), wasReopened(home, pull.number)]);
  // It was denied or cancelled then, for whoever was looking: a comment that says so can be deleted, this cannot.
  if (again) return { kind: "nothing", reason: "it was closed before, and opened again" };
  const votes = new Map<HubEntry, Vote[]>();
  for (const entry of pull.members) {
    const count = await countFor(home, entry, reviews, { head: pull.head, base });
    if (!count.met) return { kind: "nothing", reason: said(count.why) };
    votes.set(entry, count.votes);
  }
  const onMain = await isOnMain(home, pull, commit);
  if (onMain !== true) return onMain;
  return { kind: "approved", votes, merged: { commit, base } };
}

async function wasReopened(home: HubContext, issue_number: number): Promise<boolean> {
  const route = "GET /repos/{owner}/{repo}/issues/{issue_number}/events";
  const events = await home.client.list(route, { issue_number }, eventShape);
  return events.some(({ event }) => event === "reopened");
}

/** The reasons in one line, as a person reads them. */
export function said(why: readonly string[]): string {
  return clip(why.length === 0 ? "it asks for no approval" : why.join("; "), 900);
}

function wrongPull(home: HubContext, pull: HubPull, detail: PullDetail): string | undefined {
  if (detail.user?.login.toLowerCase() !== home.client.login.toLowerCase()) return "the gateway did not open it";
  if (detail.base.ref !== home.branch) return `it was merged into ${clip(detail.base.ref, 100)}`;
  if (detail.head.ref !== pull.branch) return "it is of another branch";
  if (detail.head.sha !== pull.head)
    return "its branch was pushed to: what was merged is not what the gateway proposed";
  if (detail.commits !== pull.members.length)
    return `it has ${detail.commits} commits where the gateway made ${pull.members.length}`;
  if (detail.changed_files !== pull.members.length) return `it touches ${detail.changed_files} files`;
  return undefined;
}

function wrongText(home: HubContext, { members }: HubPull, detail: PullDetail): string | undefined {
  const shown = shownIn(home, detail);
  if (shown.length === 0) return EDITED;
  const all = shown.length === members.length && members.every(({ approval }) => shown.includes(approval.name));
  return all ? undefined : "its text does not show all that it would approve";
}

/** Open, and not as the gateway wrote it: it ends here, since who decides from now on may have read something else. */
export function endEdited(home: HubContext, { members }: HubPull, pull: Pull): void {
  const shown = shownIn(home, pull);
  // The text of a batch comes a moment after its newest member.
  if (members.some(({ approval }) => shown.includes(approval.name))) return;
  const at = home.clock.now();
  for (const entry of members) {
    if (entry.approval.state === "pending") endWith(home, entry, { kind: "cancelled", at, reason: EDITED });
  }
}

const EDITED = "its title or its text was edited: it is not what the gateway wrote";

async function wrongFiles(home: HubContext, pull: HubPull, detail: PullDetail): Promise<string | undefined> {
  const files = await home.client.list(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/files",
    { pull_number: detail.number },
    changedFileShape,
  );
  const proposed = new Map(
    pull.members.map(({ approval }) => [`exceptions/${approval.name}.yaml`, blobId(approval.file)]),
  );
  for (const { filename, status, sha } of files) {
    const blob = proposed.get(filename);
    if (blob === undefined) return `it touches ${clip(filename, 200)}`;
    if (status !== "added" || (sha != null && sha !== blob)) return `${filename} is not the proposed file`;
    proposed.delete(filename);
  }
  const [missing] = proposed.keys();
  return missing === undefined ? undefined : `it does not bring ${missing}`;
}

/** Whether every file is on main now as it was proposed, or what that means. */
async function isOnMain(home: HubContext, pull: HubPull, commit: string): Promise<true | Verdict> {
  const there = (): boolean =>
    pull.members.every(({ approval }) => home.main.folders.exceptions.get(approval.name) === blobId(approval.file));
  if (there()) return true;
  await home.lookAtMain();
  if (there()) return true;
  const compared = await home.client.find(
    "GET /repos/{owner}/{repo}/compare/{basehead}",
    { basehead: `${commit}...${home.main.commit}`, per_page: 1 },
    compareShape,
  );
  if (compared?.status !== "ahead" && compared?.status !== "identical") return { kind: "later" };
  return { kind: "nothing", state: "revoked", reason: "its file is not on main any more as it was approved" };
}

/** Closed and not merged: a denial where who closed it may decide, and else the end of it all the same. */
async function judgeClosed(home: HubContext, pull: HubPull, detail: PullDetail): Promise<void> {
  const now = home.clock.now();
  const { closed_by } = await home.client.get(
    "GET /repos/{owner}/{repo}/issues/{issue_number}",
    { issue_number: pull.number },
    issueShape,
  );
  const at = timeOf(detail.closed_at, now);
  const comments = await commentsOf(home, pull.number);
  const own = closed_by?.login.toLowerCase() === home.client.login.toLowerCase();
  for (const entry of pull.members) {
    if (entry.approval.state !== "pending") continue;
    if (own) {
      const record = outcomesIn(home, comments, entry.approval.name).at(-1);
      // Somebody may have broken the glass since the last poll.
      if (record === undefined || record.state === "break-glass") await lookAtBreakGlass(home);
      letThrough(home, entry);
      endByRecord(home, entry, record, at);
      continue;
    }
    const username = await decider(home, entry, closed_by);
    const who = clip(closed_by?.login ?? "somebody", 64);
    if (username === undefined) {
      endWith(home, entry, {
        kind: "cancelled",
        at,
        by: who,
        reason: `closed on GitHub by ${who}, who may not decide it`,
      });
    } else {
      const reason = clip((await wordsOf(home, pull.number, closed_by, comments)) ?? "closed on GitHub", 1024);
      if (!move(home, entry, "denied", { denial: { issuer: "github", username, at, reason }, settledAt: at })) continue;
      tidyLater(home, entry, { kind: "denied", at, by: username, reason });
    }
  }
}

type Said = ReturnType<typeof outcomesIn>[number];

/** We closed it ourselves: our comment says why, and without one it was to expire, or a crash came between. */
export function endByRecord(home: HubContext, entry: HubEntry, record: Said | undefined, at: number): void {
  const now = home.clock.now();
  if (record === undefined) {
    const expired = entry.approval.proposal.notAfter <= now;
    endWith(
      home,
      entry,
      expired ? { kind: "expired", at: now } : { kind: "cancelled", at, reason: "closed by the gateway" },
    );
  } else if (record.state === "denied") {
    const denial = { issuer: record.issuer ?? "", username: record.by, at: record.at, reason: record.reason };
    move(home, entry, "denied", { denial, settledAt: record.at });
  } else if (record.state === "cancelled" || record.state === "revoked") {
    move(home, entry, record.state, {
      ended: { by: record.by, at: record.at, reason: record.reason },
      settledAt: record.at,
    });
  } else if (record.state === "expired") move(home, entry, "expired", { settledAt: record.at });
}

/** The newest that who closed it wrote: a comment, or a review's text. */
export async function wordsOf(
  home: HubContext,
  number: number,
  by: User | undefined,
  comments: Awaited<ReturnType<typeof commentsOf>>,
): Promise<string | undefined> {
  const theirs = (user: User): boolean => user !== null && user.login.toLowerCase() === by?.login.toLowerCase();
  const reviews = await reviewsOf(home, number);
  const words = [
    ...comments.filter(({ user }) => theirs(user)).map(({ body, created_at }) => ({ body, at: created_at })),
    ...reviews.filter(({ user }) => theirs(user)).map(({ body, submitted_at }) => ({ body, at: submitted_at ?? "" })),
  ];
  return (
    words
      .filter(({ body }) => (body ?? "") !== "")
      .sort((a, b) => (a.at < b.at ? -1 : 1))
      .at(-1)?.body ?? undefined
  );
}

/** Whether the reviews of what was approved still count: one may have been dismissed since. */
export async function recount(home: HubContext, pull: HubPull): Promise<void> {
  if (pull.merged === undefined) return;
  const reviews = await reviewsOf(home, pull.number);
  for (const entry of pull.members) {
    if (entry.approval.state !== "approved" || entry.approval.breakGlass !== undefined) continue;
    const count = await countFor(home, entry, reviews, { head: pull.head, base: pull.merged.base });
    if (count.met) continue;
    const reason = `its reviews do not count any more: ${said(count.why)}`;
    endWith(home, entry, { kind: "revoked", at: home.clock.now(), reason });
  }
}
