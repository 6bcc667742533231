import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { checkCaps } from "../caps.ts";
import { denialRefusal, pendingOrDenied } from "../denials.ts";
import { renderException } from "../exception.ts";
import { snapshot } from "../memory.ts";
import type { Approval, Proposal } from "../types.ts";
import { joinBatch } from "./batch.ts";
import { due, type HubContext, type HubEntry } from "./context.ts";
import { statusOf } from "./failures.ts";
import { createRef, refAt, refsBelow, writeCommit, writeTree } from "./git.ts";
import { learn } from "./learn.ts";
import { endWith } from "./outcome.ts";
import { asPull, isOwn, proposedBy, remember } from "./proposals.ts";
import { createPull, labelLater, pullsOf, pullText } from "./pulls.ts";
import { type RecordOf, recordMessage } from "./records.ts";
import { BRANCH, USED } from "./refs.ts";
import { standsOnMain } from "./use.ts";
import { anyShape } from "./wire.ts";

/** Tree, commit, branch, pull request, labels; then commit and ref of the use, and the comment. */
export const CREATIONS = { hold: 5, use: 2, comment: 1 };
const TRIES = 3;
/** How often another gateway's pull request is looked for that made its branch and no pull request yet. */
const LOOKS = 4;
const LOOK_MS = 500;

export type Opened = { approval: Approval; opened: boolean };

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
  const other = await takeLock(home, proposal, head);
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

const numberOf = (name: string): number => Number(name.slice(name.lastIndexOf("-") + 1)) || 0;

const inTheWay = (): Refusal => new Refusal("approvals-unavailable", "another branch of this request is in the way");

/**
 * Creates the branch: that is the lock. Resolves to what has it already, where that is a proposal of ours; to the
 * number of its name where it is one that is over, since the name that is proposed here may be the same.
 */
async function takeLock(home: HubContext, proposal: Proposal, head: string): Promise<Opened | number | undefined> {
  const { digest } = proposal;
  const ref = BRANCH + digest;
  for (let i = 1; ; i++) {
    if (await createRef(home, "hold", ref, head)) return undefined;
    const holder = await holderOf(home, digest);
    if (holder?.entry !== undefined) return { approval: snapshot(holder.entry), opened: false };
    const known = knownOf(home, proposal);
    if (known !== undefined) return known;
    if (i === TRIES) throw inTheWay();
    home.log.warn("a branch that proposes nothing was in the way and is taken away", { ref });
    await removeLock(home, digest);
    if (holder !== undefined) return numberOf(holder.name);
  }
}

async function removeLock(home: HubContext, digest: string): Promise<void> {
  const ref = BRANCH + digest;
  await home.client.send("hold", "DELETE /repos/{owner}/{repo}/git/refs/{ref}", { ref }, anyShape).catch((error) => {
    if (statusOf(error) !== 422) throw error;
  });
}

/**
 * What a digest's branch holds, where it is a proposal of ours: its name, and its entry while it is pending. One
 * without a pull request, after a crash, gets it now.
 */
export async function holderOf(
  home: HubContext,
  digest: string,
): Promise<{ name: string; entry?: HubEntry } | undefined> {
  const head = await refAt(home, BRANCH + digest);
  const proposed = head === undefined ? undefined : await proposedBy(home, head);
  if (head === undefined || proposed?.approval.proposal.digest !== digest) return undefined;
  const { approval, branch } = proposed;
  const { name } = approval;
  if (approval.proposal.notAfter <= home.clock.now()) return { name };
  for (let i = 1; i <= LOOKS; i++) {
    const pulls = (await pullsOf(home, branch)).filter((pull) => isOwn(home, pull));
    for (const pull of pulls) await learn(home, pull);
    const entry = home.index.byName.get(name);
    if (entry !== undefined) return entry.approval.state === "pending" ? { name, entry } : { name };
    if (pulls.some((pull) => pull.head.sha === head)) return { name };
    // Its gateway may be just about to open it.
    if (i < LOOKS) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  // One that was to join a batch never did.
  return branch === digest ? { name, entry: await openPull(home, approval, head) } : { name };
}

/** Opens the pull request of a branch that is there, and makes it known. */
async function openPull(home: HubContext, approval: Approval, head: string): Promise<HubEntry> {
  const { title, body, labels } = pullText(home, approval);
  const branch = `sallyport/${approval.proposal.digest}`;
  const pull = await createPull(home, { title, body, head: branch, base: home.branch });
  const known = home.pulls.get(pull.number);
  const made = known ?? asPull({ ...pull, head: { ref: branch, sha: head } }, [approval], true);
  made.ours = true;
  if (known === undefined) remember(home, made);
  labelLater(home, pull.number, labels);
  const entry = home.index.byName.get(approval.name);
  if (entry === undefined) throw new Refusal("approvals-unavailable", "the pull request is another one's");
  return entry;
}
