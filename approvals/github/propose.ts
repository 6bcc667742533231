import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { checkCaps } from "../caps.ts";
import { denialRefusal, pendingOrDenied } from "../denials.ts";
import { renderException } from "../exception.ts";
import { snapshot } from "../memory.ts";
import type { Approval, Proposal } from "../types.ts";
import { joinBatch } from "./batch.ts";
import { due, type HubContext, type HubEntry } from "./context.ts";
import { refsBelow, writeCommit, writeTree } from "./git.ts";
import { learn } from "./learn.ts";
import { inTheWay, numberOf, type Opened, openPull, removeLock, takeLock } from "./lock.ts";
import { endWith } from "./outcome.ts";
import { pullsOf, pullText } from "./pulls.ts";
import { type RecordOf, recordMessage } from "./records.ts";
import { USED } from "./refs.ts";
import { standsOnMain } from "./use.ts";

/** Tree, commit, branch, pull request, labels; then commit and ref of the use, and the comment. */
export const CREATIONS = { hold: 5, use: 2, comment: 1 };
const TRIES = 3;

/**
 * Opens a proposal, or finds the pending one. Throws Refusal `approval-denied`, `too-many`, `body-too-large`, and
 * `approvals-unavailable` where GitHub cannot be asked or its budget is spent.
 */
export async function propose(home: HubContext, proposal: Proposal): Promise<Opened> {
  const now = home.clock.now();
  for (const entry of home.index.of(proposal.digest)) {
    if (due(entry, now)) endWith(home, entry, { kind: "expired", at: now });
  }
  const known = knownOf(home, proposal);
  if (known !== undefined) return known;
  home.guard.checkWhole();
  if (home.kills.has(proposal.requester.session)) throw new Refusal("session-ended", "this session was ended");
  checkCaps([...home.index.byName.values(), ...[...home.opening].map(asPending)], proposal, home.caps);
  home.client.budget.checkHold(CREATIONS.hold, CREATIONS.use);
  home.opening.add(proposal);
  try {
    return await open(home, proposal);
  } finally {
    home.opening.delete(proposal);
  }
}

/**
 * What approves this very thing already, or is pending, or was denied a moment ago: it may have been decided since the
 * caller asked for it, or stand beside a newer one for another change. Throws Refusal `approval-denied`.
 */
function knownOf(home: HubContext, proposal: Proposal): Opened | undefined {
  const same = home.index.of(proposal.digest);
  const known = same.findLast((entry) => approves(home, entry, proposal)) ?? pendingOrDenied(same, home.clock.now());
  if (known?.approval.state === "denied") throw denialRefusal(known.approval, home.url(known.approval.name));
  return known === undefined ? undefined : { approval: snapshot(known), opened: false };
}

function approves(home: HubContext, entry: HubEntry, { change, supersedes }: Proposal): boolean {
  const { name, state, proposal } = entry.approval;
  const standing = state === "approved" && proposal.notAfter > home.clock.now() && standsOnMain(home, entry);
  return standing && proposal.change === change && name !== supersedes;
}

function asPending(proposal: Proposal): { approval: Approval } {
  return { approval: { name: "", state: "pending", proposal, file: "", openedAt: 0, approvals: [], uses: [] } };
}

/** `taken`: the highest number that a name of this digest is known to have had. */
async function open(home: HubContext, proposal: Proposal, taken = 0, tries = 1): Promise<Opened> {
  const pulls = await pullsOf(home, proposal.digest);
  for (const pull of pulls) await learn(home, pull);
  const known = knownOf(home, proposal);
  if (known !== undefined) return known;
  const main = await home.lookAtMain();
  const name = await nextName(home, proposal.digest, Math.max(taken, pulls.length));
  const file = renderException(name, proposal);
  const at = home.clock.now();
  const approval: Approval = { name, state: "pending", proposal, file, openedAt: at, approvals: [], uses: [] };
  const record: RecordOf<"propose"> = {
    kind: "propose",
    name,
    at,
    file: sha256(file),
    branch: proposal.digest,
    parent: main.commit,
    proposal,
  };
  // Before anything is created: what cannot be shown whole is refused.
  pullText(home, approval);
  if (proposal.batch === true) {
    const joined = await joinBatch(home, approval, record);
    if (joined !== undefined) return { approval: snapshot(joined), opened: true };
  }
  const tree = await writeTree(home, main.tree, `exceptions/${name}.yaml`, file);
  const head = await writeCommit(home, "hold", recordMessage(home.keys, `Propose ${name}`, record), tree, [
    main.commit,
  ]);
  const other = await takeLock(home, proposal.digest, head, () => knownOf(home, proposal));
  if (typeof other === "object") return other;
  // Merging takes the branch away: another one may have been opened and decided since the pull requests were read.
  const late = other === undefined && (await pullsOf(home, proposal.digest)).length > pulls.length;
  if (late) await removeLock(home, proposal.digest);
  if (late || other !== undefined) {
    if (tries === TRIES) throw inTheWay();
    return open(home, proposal, other, tries + 1);
  }
  const entry = await openPull(home, approval, head);
  return { approval: snapshot(entry), opened: true };
}

/**
 * No name is given twice: of what is known, of pull requests of this digest, of files on main, and of what refs say
 * became of one, since a member of a batch has no pull request of its own.
 */
async function nextName(home: HubContext, digest: string, taken: number): Promise<string> {
  const prefix = `${digest.slice(0, 16)}-`;
  const used = [...(await refsBelow(home, USED + prefix)).keys()].map((rest) => prefix + rest.split("/")[0]);
  const { index, main, broken, revoked } = home;
  const names = [index.byName, main.folders.exceptions, broken, revoked].flatMap((known) => [...known.keys()]);
  const highest = [...names, ...used]
    .filter((name) => name.startsWith(prefix))
    .reduce((most, name) => Math.max(most, numberOf(name)), 0);
  return `${prefix}${Math.max(highest, taken) + 1}`;
}
