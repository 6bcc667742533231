import { DENIAL_MS } from "../denials.ts";
import { letThrough } from "./broken.ts";
import { due, type HubContext, type HubPull, regroup } from "./context.ts";
import { endByRecord, judgePull } from "./judge.ts";
import { commentsOf, endWith, outcomesIn } from "./outcome.ts";
import { isOwn, readPull, remember } from "./proposals.ts";
import { readRecord } from "./records.ts";
import { endRevoked } from "./revocations.ts";
import { applyUses, usesOf } from "./use.ts";
import type { Pull } from "./wire.ts";

/**
 * Makes a pull request known that this gateway did not open or has forgotten, with what became of it. Nobody is told of
 * what it became before: that is over.
 */
export function learn(home: HubContext, pull: Pull): Promise<void> {
  // Whoever asks needs it known, whoever began to read it.
  const under = home.learning.get(pull.number);
  if (under !== undefined) return under;
  if (home.pulls.has(pull.number) || !isOwn(home, pull)) return Promise.resolve();
  const learning = learnNow(home, pull).finally(() => home.learning.delete(pull.number));
  home.learning.set(pull.number, learning);
  return learning;
}

async function learnNow(home: HubContext, pull: Pull): Promise<void> {
  const read = await readPull(home, pull);
  if (read === undefined || home.pulls.has(pull.number)) return;
  if (pull.state === "open") remember(home, read);
  home.pulls.set(pull.number, read);
  try {
    await settleNew(home, read, pull.state === "closed");
  } catch (error) {
    home.pulls.delete(pull.number);
    throw error;
  }
  if (pull.state === "closed") remember(home, read);
}

async function settleNew(home: HubContext, pull: HubPull, closed: boolean): Promise<void> {
  for (const entry of pull.members) letThrough(home, entry);
  await endByComments(home, pull);
  if (closed) await judgePull(home, pull);
  const at = home.clock.now();
  for (const entry of pull.members) {
    const { approval } = entry;
    // Of what has expired since as well: it says what it let through.
    if (approval.state === "approved" || pull.merged !== undefined)
      applyUses(home, entry, await usesOf(home, approval.name, approval.uses));
    if (home.revoked.has(approval.name)) await endRevoked(home, entry);
    const kill = home.kills.get(approval.proposal.requester.session);
    if (kill !== undefined) {
      const kind = approval.state === "pending" ? "cancelled" : "revoked";
      if (kind === "cancelled" || approval.state === "approved") {
        endWith(home, entry, { kind, at, by: kill.by, reason: `its session was killed: ${kill.reason}` });
      }
    }
    if (due(entry, at)) endWith(home, entry, { kind: "expired", at });
  }
}

const TERMINAL = new Set(["denied", "cancelled", "expired", "revoked"]);

/**
 * What a comment of ours says has ended stays so, whatever was done to the pull request since: whoever can write the
 * repository can open a denied one again. One of a batch may have ended while the others wait on.
 */
async function endByComments(home: HubContext, pull: HubPull): Promise<void> {
  const comments = await commentsOf(home, pull.number);
  for (const entry of pull.members) {
    const record = outcomesIn(home, comments, entry.approval.name).find(({ state }) => TERMINAL.has(state));
    if (record !== undefined && entry.approval.state === "pending") endByRecord(home, entry, record, record.at);
  }
  regroup(pull);
}

/** Whether a closed pull request of ours says by a record of ours that nothing of it can matter any more. */
export function isLongOver(home: HubContext, pull: Pull): boolean {
  const record = readRecord(home.keys, "pull", pull.body ?? "");
  if (pull.state === "open" || record === undefined || record.names.length === 0) return false;
  const own = record.names.some((name) => pull.head.ref.startsWith(`sallyport/${name.split("-")[0] ?? "-"}`));
  return own && record.notAfter + DENIAL_MS < home.clock.now();
}
