import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { checkBreakGlass, checkReviewer } from "../break-glass.ts";
import { renderException } from "../exception.ts";
import { snapshot } from "../memory.ts";
import type { Actor, Approval, BreakGlassTerms } from "../types.ts";
import {
  expireIfDue,
  type HomeContext,
  isRefConflict,
  moved,
  settled,
  swapOrConflict,
  withoutBranch,
  writeCommit,
} from "./context.ts";
import { known, regroup, voteOf } from "./decide.ts";
import { revokeEntry } from "./end.ts";
import { BREAK_GLASS, brokenGlass, type Entry, SETTLED, withoutGroups } from "./entry.ts";
import { changeMain } from "./main.ts";
import type { RefChange } from "./repository.ts";
import { blobId, treeWithFile } from "./tree.ts";

/** Lets a pending request through on one person's word: its file comes to main for a short time and one use. */
export async function breakGlass(
  home: HomeContext,
  name: string,
  by: Actor,
  reason: string,
  terms: BreakGlassTerms,
): Promise<Approval> {
  const entry = await known(home, name);
  checkBreakGlass(home.people, entry.approval.proposal, by);
  if (reason.trim() === "") throw new Refusal("bad-request", "breaking the glass needs a reason");
  await expireIfDue(home, entry);
  if (entry.approval.state !== "pending") {
    throw new Refusal("conflict", `this approval is already ${entry.approval.state}`);
  }
  const at = home.clock.now();
  const proposal = brokenGlass(entry.approval.proposal, at + terms.validForSeconds * 1000);
  const file = renderException(name, proposal);
  const reviewBy = at + terms.reviewWithinSeconds * 1000;
  const vote = voteOf(home, entry, by, reason);
  await home.repository.write("blob", file);
  let to = "";
  await changeMain(home, async (tip) => {
    const next = await treeWithFile(home.repository, tip, name, blobId(file));
    to = await writeCommit(home, next.tree, [tip.commit, entry.branch], {
      kind: "break-glass",
      name,
      vote,
      file: sha256(file),
      notAfter: proposal.notAfter,
      reviewBy,
    });
    const changes: RefChange[] = [
      { ref: SETTLED + name, from: "", to },
      { ref: BREAK_GLASS + name, from: "", to },
      ...withoutBranch(entry),
    ];
    return { next: { ...next, commit: to }, changes };
  });
  settled(home, entry, to);
  Object.assign(entry.approval, { proposal, file, breakGlass: { by: withoutGroups(vote), reviewBy } });
  moved(entry, "approved");
  regroup(home, entry);
  home.index.changed(entry);
  return snapshot(entry);
}

/** What a second person says of it afterwards; a rejected one is taken back, so that what stands on it ends. */
export async function review(
  home: HomeContext,
  name: string,
  by: Actor,
  { reason, verdict }: { reason: string; verdict: "accepted" | "rejected" },
): Promise<Approval> {
  const entry = await known(home, name);
  checkReviewer(home.people, entry.approval, by);
  await expireIfDue(home, entry);
  const vote = voteOf(home, entry, by, reason);
  const to = await writeCommit(home, entry.tree, [entry.settled], { kind: "review", name, vote, verdict });
  const marked = await home.repository.ref(BREAK_GLASS + name);
  await swapOrConflict(home, [
    { ref: SETTLED + name, from: entry.settled, to },
    ...(marked === undefined ? [] : [{ ref: BREAK_GLASS + name, from: marked, to: "" }]),
  ]);
  entry.settled = to;
  if (entry.approval.breakGlass !== undefined) {
    entry.approval.breakGlass = { ...entry.approval.breakGlass, review: { ...withoutGroups(vote), verdict } };
  }
  home.index.changed(entry);
  // What cannot be taken back at once is taken back with the next look: the verdict is on record.
  await endRejected(home, entry).catch((error: unknown) => {
    if (!isRefConflict(error)) throw error;
  });
  return snapshot(entry);
}

/** Takes back what a review rejected: a crash, or a repository that fails, may have come between the two. */
export async function endRejected(home: HomeContext, entry: Entry): Promise<void> {
  const { state, breakGlass } = entry.approval;
  const review = breakGlass?.review;
  if (review?.verdict !== "rejected" || (state !== "approved" && state !== "consumed")) return;
  await revokeEntry(home, entry, review.username, `the break-glass was rejected: ${review.reason}`);
}
