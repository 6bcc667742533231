import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { checkBreakGlass } from "../break-glass.ts";
import { snapshot } from "../memory.ts";
import { renderBreakGlassReview } from "../pull-request/break-glass-review.ts";
import { clip } from "../text.ts";
import type { Actor, Approval, BreakGlassTerms, Vote } from "../types.ts";
import { samePerson } from "../voters.ts";
import { letThrough } from "./broken.ts";
import { due, type HubContext, type HubEntry, regroup } from "./context.ts";
import { commitAt, createRef, writeCommit, writeTree } from "./git.ts";
import { said, wordsOf } from "./judge.ts";
import { close, comment, commentsOf, endWith, removeBranches } from "./outcome.ts";
import { createPull, labelLater } from "./pulls.ts";
import { readRecord, recordMessage } from "./records.ts";
import { BREAK_GLASS, REVIEW_BRANCH } from "./refs.ts";
import { countFor, decider, reviewsOf } from "./votes.ts";
import {
  changedFileShape,
  commitShape,
  fileShape,
  issueShape,
  type Pull,
  type PullDetail,
  pullDetailShape,
  pullShape,
  timeOf,
} from "./wire.ts";

/** Lets a pending request through on one person's word: a ref, which is the compare-and-swap. */
export async function breakGlass(
  home: HubContext,
  entry: HubEntry,
  by: Actor,
  input: { reason: string },
  terms: BreakGlassTerms,
): Promise<Approval> {
  const { approval } = entry;
  const { name, proposal } = approval;
  const at = home.clock.now();
  if (due(entry, at)) endWith(home, entry, { kind: "expired", at });
  checkBreakGlass(home.people, proposal, by);
  if (input.reason.trim() === "") throw new Refusal("bad-request", "breaking the glass needs a reason");
  if (approval.state !== "pending") throw new Refusal("conflict", `this approval is already ${approval.state}`);
  const vote: Vote = { issuer: by.issuer, username: by.username, at, reason: clip(input.reason, 1024) };
  const notAfter = at + terms.validForSeconds * 1000;
  const reviewBy = at + terms.reviewWithinSeconds * 1000;
  const record = {
    kind: "break-glass",
    name,
    at,
    by: vote,
    reviewBy,
    notAfter,
    openedAt: approval.openedAt,
    proposal,
  } as const;
  const message = recordMessage(home.keys, `Break-glass for ${name}`, record);
  const sha = await writeCommit(home, "use", message, home.main.tree, []);
  if (!(await createRef(home, "use", BREAK_GLASS + name, sha))) {
    throw new Refusal("conflict", "somebody else broke the glass for it meanwhile");
  }
  home.guard.keep(`refs/${BREAK_GLASS}${name}`, reviewBy);
  home.broken.set(name, record);
  letThrough(home, entry);
  regroup(entry.pull);
  home.later(`putting the break-glass of ${name} up for review`, () => openReview(home, entry));
  return snapshot(entry);
}

/** Closes the pull request that is not needed any more, and opens the one in which a second person reviews. */
async function openReview(home: HubContext, entry: HubEntry): Promise<void> {
  const { approval, pull } = entry;
  const { name, breakGlass: used } = approval;
  if (used === undefined) return;
  const branch = REVIEW_BRANCH.slice("heads/".length) + name;
  const { title, body, labels, file } = renderBreakGlassReview(approval, { url: home.url(name) });
  const record = { kind: "review", name, at: used.by.at, file: sha256(file) } as const;
  const main = await home.lookAtMain();
  const tree = await writeTree(home, main.tree, `break-glass/${name}.yaml`, file);
  const message = recordMessage(home.keys, `Review the break-glass of ${name}`, record);
  const head = await writeCommit(home, "hold", message, tree, [main.commit]);
  await createRef(home, "hold", REVIEW_BRANCH + name, head);
  const review = await createPull(home, { title, body, head: branch, base: home.branch });
  entry.review = { number: review.number, head: review.head.sha };
  labelLater(home, review.number, labels);
  await comment(home, entry, { kind: "break-glass", at: used.by.at, by: used.by.username, reason: used.by.reason });
  // The others of its batch are decided there still.
  if (pull.members.some((member) => member.approval.state === "pending")) return;
  await close(home, pull, "hold");
  await removeBranches(home, pull);
}

/** What the pull request of a review says by now. Throws where GitHub cannot be asked. */
export async function judgeReview(home: HubContext, entry: HubEntry): Promise<void> {
  const { approval } = entry;
  const { breakGlass: used, name } = approval;
  if (used === undefined || used.review !== undefined) return;
  const number = entry.review?.number ?? (await findReview(home, entry))?.number;
  if (number === undefined) return;
  const detail = await home.client.get(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    { pull_number: number },
    pullDetailShape,
  );
  if (detail.state === "open") return;
  if (detail.user?.login.toLowerCase() !== home.client.login.toLowerCase()) return;
  const review = detail.merged ? await accepted(home, entry, detail) : await rejected(home, entry, detail);
  if (review === undefined) return;
  used.review = review;
  home.log.info("a break-glass was reviewed", { approval: name, verdict: review.verdict });
  // Two changes, and each is an event of its own.
  home.index.changed(entry);
  const { state } = approval;
  if (review.verdict === "rejected" && (state === "approved" || state === "consumed")) {
    const reason = clip(`the break-glass was rejected: ${review.reason}`, 1024);
    endWith(home, entry, { kind: "revoked", at: home.clock.now(), by: review.username, reason });
  }
}

async function findReview(home: HubContext, entry: HubEntry): Promise<Pull | undefined> {
  const { name } = entry.approval;
  const head = `${home.client.owner}:${REVIEW_BRANCH.slice("heads/".length)}${name}`;
  const [pull] = await home.client.list("GET /repos/{owner}/{repo}/pulls", { head, state: "all" }, pullShape);
  if (pull === undefined || pull.user?.login.toLowerCase() !== home.client.login.toLowerCase()) return undefined;
  entry.review = { number: pull.number, head: pull.head.sha };
  return pull;
}

type Review = NonNullable<NonNullable<Approval["breakGlass"]>["review"]>;

/** Merged with the review of an approver who is somebody else than who broke the glass. */
async function accepted(home: HubContext, entry: HubEntry, detail: PullDetail): Promise<Review | undefined> {
  const { name, breakGlass: used } = entry.approval;
  const path = `break-glass/${name}.yaml`;
  const files = await home.client.list(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/files",
    { pull_number: detail.number },
    changedFileShape,
  );
  const record = readRecord(home.keys, "review", (await commitAt(home, detail.head.sha)).message);
  const commit = detail.merge_commit_sha;
  if (
    record?.name !== name ||
    files.length !== 1 ||
    files[0]?.filename !== path ||
    // CODEOWNERS of another branch are whoever wrote it.
    detail.base.ref !== home.branch ||
    detail.commits !== 1 ||
    commit == null
  ) {
    return undefined;
  }
  const file = await home.client.find("GET /repos/{owner}/{repo}/contents/{path}", { path, ref: commit }, fileShape);
  if (file === undefined || sha256(Buffer.from(file.content, "base64")) !== record.file) return undefined;
  const { parents } = await home.client.get(
    "GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
    { commit_sha: commit },
    commitShape,
  );
  const base = parents[0]?.sha;
  if (base === undefined) return undefined;
  const banned = [{ username: used?.by.username ?? "", why: "broke the glass, and nobody reviews that themselves" }];
  // Whoever an approver is of one of its rules may review it.
  const one = entry.approval.proposal.requirements.map((requirement) => ({ ...requirement, required: 1 }));
  const reviews = await reviewsOf(home, detail.number);
  for (const requirement of one) {
    const asked = {
      approval: { ...entry.approval, proposal: { ...entry.approval.proposal, requirements: [requirement] } },
    };
    const count = await countFor(home, asked, reviews, { head: detail.head.sha, base, path }, banned);
    const [vote] = count.votes;
    if (count.met && vote !== undefined) return { ...vote, verdict: "accepted" };
    home.log.debug("the review of a break-glass does not count", { approval: name, why: said(count.why) });
  }
  return undefined;
}

/** Closed by an approver who is somebody else than who broke the glass; or by us, for one who said so to the gateway. */
async function rejected(home: HubContext, entry: HubEntry, detail: PullDetail): Promise<Review | undefined> {
  const { closed_by } = await home.client.get(
    "GET /repos/{owner}/{repo}/issues/{issue_number}",
    { issue_number: detail.number },
    issueShape,
  );
  const used = entry.approval.breakGlass;
  const username = await decider(home, entry, closed_by);
  if (username === undefined || samePerson(home.people, username, used?.by.username ?? "")) return undefined;
  const at = timeOf(detail.closed_at, home.clock.now());
  const comments = await commentsOf(home, detail.number);
  const words = (await wordsOf(home, detail.number, closed_by, comments)) ?? "closed on GitHub";
  return { issuer: "github", username, at, reason: clip(words, 1024), verdict: "rejected" };
}
