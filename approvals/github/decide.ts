import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { inOrder, seenDigest } from "../batch.ts";
import { snapshot } from "../memory.ts";
import { clip } from "../text.ts";
import type { Actor, Approval } from "../types.ts";
import { checkDecider } from "../voters.ts";
import { due, type HubContext, type HubEntry, type HubPull, move, regroup } from "./context.ts";
import { createRef, writeCommit } from "./git.ts";
import { judgePull } from "./judge.ts";
import { close, comment, endWith, removeBranches, tidyLater } from "./outcome.ts";
import { recordMessage } from "./records.ts";
import { REVOKED } from "./refs.ts";
import { applyUses, usesOf } from "./use.ts";

const LONGEST_REASON = 1024;

function checkPending(home: HubContext, entry: HubEntry): void {
  const now = home.clock.now();
  if (due(entry, now)) endWith(home, entry, { kind: "expired", at: now });
  const { state } = entry.approval;
  if (state !== "pending") throw new Refusal("conflict", `this approval is already ${state}`);
}

/** Closes the pull request for what was decided on the gateway, unless GitHub decided meanwhile. */
async function closePending(home: HubContext, entry: HubEntry): Promise<void> {
  if (!(await close(home, entry.pull, "use"))) {
    await judgePull(home, entry.pull);
    throw new Refusal("conflict", `its pull request was merged meanwhile, and it is ${entry.approval.state}`);
  }
  checkPending(home, entry);
}

/** A person's no by the control API, of a batch as a whole. */
export async function deny(
  home: HubContext,
  entry: HubEntry,
  by: Actor,
  input: { reason: string; seen?: string },
): Promise<Approval> {
  checkPending(home, entry);
  const all = pendingOf(entry.pull);
  for (const { approval } of all) checkDecider(home.people, approval.proposal, by);
  const { seen } = input;
  const shown = [sha256(entry.approval.file), seenDigest(inOrder(all.map(({ approval }) => approval)))];
  if (seen !== undefined && !shown.includes(seen)) {
    throw new Refusal("conflict", "the file that you were shown is not the one that is proposed", {
      next: "Look at it again before you decide.",
    });
  }
  const at = home.clock.now();
  const reason = clip(input.reason, LONGEST_REASON);
  await closePending(home, entry);
  for (const member of all) {
    await comment(home, member, { kind: "denied", at, issuer: by.issuer, by: by.username, reason }, true);
    move(home, member, "denied", { denial: { issuer: by.issuer, username: by.username, at, reason }, settledAt: at });
  }
  home.later("taking a branch away", () => removeBranches(home, entry.pull));
  return snapshot(entry);
}

function pendingOf({ members }: HubPull): HubEntry[] {
  return members.filter(({ approval }) => approval.state === "pending");
}

/** Ends a pending proposal without a verdict; the others of its batch wait on. */
export async function cancel(home: HubContext, entry: HubEntry, by: string, reason: string): Promise<Approval> {
  checkPending(home, entry);
  const ending = { kind: "cancelled", at: home.clock.now(), by, reason: clip(reason, LONGEST_REASON) } as const;
  const alone = pendingOf(entry.pull).length === 1;
  if (alone) await closePending(home, entry);
  await comment(home, entry, ending, true);
  move(home, entry, "cancelled", { ended: { by, at: ending.at, reason: ending.reason } });
  if (alone) home.later("taking a branch away", () => removeBranches(home, entry.pull));
  else regroup(entry.pull);
  return snapshot(entry);
}

/** Takes an approval back, used or not: a ref, which every replica sees. Who may is for the caller to say. */
export async function revoke(home: HubContext, entry: HubEntry, actor: Actor, why: string): Promise<Approval> {
  const { approval } = entry;
  const { name } = approval;
  if (due(entry, home.clock.now())) endWith(home, entry, { kind: "expired", at: home.clock.now() });
  const { state } = approval;
  const by = actor.username;
  if (state !== "approved" && state !== "consumed") {
    throw new Refusal("conflict", `there is nothing to take back: this approval is ${state}`, {
      next: state === "pending" ? "Deny it." : "Nothing of it counts.",
    });
  }
  const at = home.clock.now();
  const reason = clip(why, LONGEST_REASON);
  const record = { kind: "revoke", name, at, by, reason } as const;
  const sha = await writeCommit(home, "use", recordMessage(home.keys, `Revoke ${name}`, record), home.main.tree, []);
  // Where another gateway was faster, it is revoked all the same.
  await createRef(home, "use", REVOKED + name, sha);
  home.guard.keep(`refs/${REVOKED}${name}`, approval.proposal.notAfter);
  if (move(home, entry, "revoked", { ended: { by, at, reason } }))
    tidyLater(home, entry, { kind: "revoked", at, by, reason });
  // Others may have used it since the last poll.
  home.later(`reading what ${name} has let through`, async () =>
    applyUses(home, entry, await usesOf(home, name, approval.uses)),
  );
  return snapshot(entry);
}
