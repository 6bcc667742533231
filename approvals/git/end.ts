import { Refusal } from "../../base/errors.ts";
import { snapshot } from "../memory.ts";
import { clip } from "../text.ts";
import type { Actor, Approval } from "../types.ts";
import {
  expireIfDue,
  type HomeContext,
  moved,
  settle,
  settled,
  swapOrConflict,
  usesOf,
  writeCommit,
} from "./context.ts";
import { known, regroup } from "./decide.ts";
import { type Entry, REVOKED, SETTLED } from "./entry.ts";
import { changeMain } from "./main.ts";
import { EMPTY_TREE, type RefChange } from "./repository.ts";
import { blobsOf, treeWithFiles } from "./tree.ts";

const LONGEST_REASON = 1024;

/** Ends a pending proposal without a verdict. Throws Refusal `conflict` where it is not pending. */
export async function cancel(home: HomeContext, name: string, by: string, reason: string): Promise<Approval> {
  const entry = await known(home, name);
  await expireIfDue(home, entry);
  if (entry.approval.state !== "pending") {
    throw new Refusal("conflict", `this approval is already ${entry.approval.state}`);
  }
  const ended = { by, at: home.clock.now(), reason: clip(reason, LONGEST_REASON) };
  await settle(home, [{ entry, record: { kind: "cancel", name, ...ended }, state: "cancelled" }]);
  entry.approval.ended = ended;
  regroup(home, entry);
  home.index.changed(entry);
  return snapshot(entry);
}

/** Takes an approval back. That only ever refuses more, so who may is for the caller to say. */
export async function revoke(home: HomeContext, name: string, by: Actor, reason: string): Promise<Approval> {
  const entry = await known(home, name);
  await revokeEntry(home, entry, by.username, reason);
  return snapshot(entry);
}

/** Puts a revocation on record and takes the file off main. Throws Refusal `conflict` where nothing is to take back. */
export async function revokeEntry(home: HomeContext, entry: Entry, by: string, reason: string): Promise<void> {
  await expireIfDue(home, entry);
  const { name, state } = entry.approval;
  if (state !== "approved" && state !== "consumed") {
    throw new Refusal("conflict", `there is nothing to take back: this approval is ${state}`);
  }
  const ended = { by, at: home.clock.now(), reason: clip(reason, LONGEST_REASON) };
  const record = { kind: "revoke", name, ...ended } as const;
  const changes = (to: string): RefChange[] => [
    { ref: SETTLED + name, from: entry.settled, to },
    { ref: REVOKED + name, from: "", to },
  ];
  let to = "";
  if (home.guard.frozen !== undefined) {
    // A main that was rewritten is not written to, and its file counts for nothing once this is on record.
    to = await writeCommit(home, EMPTY_TREE, [home.guard.lastGood ?? entry.settled, entry.settled], record);
    await swapOrConflict(home, changes(to));
  } else {
    await changeMain(home, async (tip) => {
      const there = (await blobsOf(tip)).has(name);
      const next = there ? await treeWithFiles(home.repository, tip, [[name, undefined]]) : tip;
      to = await writeCommit(home, next.tree, [tip.commit, entry.settled], record);
      return { next: { ...next, commit: to }, changes: changes(to) };
    });
  }
  // What another gateway let through before it was taken back is evidence; nobody uses it from here on.
  entry.approval.uses = await usesOf(home, name);
  settled(home, entry, to);
  entry.approval.ended = ended;
  moved(entry, "revoked");
  home.guard.keep(REVOKED + name, entry.approval.proposal.notAfter);
  home.index.changed(entry);
}
