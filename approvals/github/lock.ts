import { Refusal } from "../../base/errors.ts";
import { snapshot } from "../memory.ts";
import type { Approval } from "../types.ts";
import type { HubContext, HubEntry } from "./context.ts";
import { statusOf } from "./failures.ts";
import { createRef, refAt } from "./git.ts";
import { learn } from "./learn.ts";
import { asPull, isOwn, proposedBy, remember } from "./proposals.ts";
import { createPull, labelLater, pullsOf, pullText } from "./pulls.ts";
import { BRANCH } from "./refs.ts";
import { anyShape } from "./wire.ts";

const TRIES = 3;
/** How often another gateway's pull request is looked for that made its branch and no pull request yet. */
const LOOKS = 4;
const LOOK_MS = 500;

/** What holds a digest, and whether it was opened just now. */
export type Opened = { approval: Approval; opened: boolean };

export const numberOf = (name: string): number => Number(name.slice(name.lastIndexOf("-") + 1)) || 0;

export const inTheWay = (): Refusal =>
  new Refusal("approvals-unavailable", "another branch of this request is in the way");

/**
 * Creates the branch: that is the lock. Resolves to what has it already, where that is a proposal of ours; to the
 * number of its name where it is one that is over, since the name that is proposed here may be the same.
 */
export async function takeLock(
  home: HubContext,
  digest: string,
  head: string,
  known: () => Opened | undefined,
): Promise<Opened | number | undefined> {
  const ref = BRANCH + digest;
  for (let i = 1; ; i++) {
    if (await createRef(home, "hold", ref, head)) return undefined;
    const holder = await holderOf(home, digest);
    if (holder?.entry !== undefined) return { approval: snapshot(holder.entry), opened: false };
    const meanwhile = known();
    if (meanwhile !== undefined) return meanwhile;
    if (i === TRIES) throw inTheWay();
    home.log.warn("a branch that proposes nothing was in the way and is taken away", { ref });
    await removeLock(home, digest);
    if (holder !== undefined) return numberOf(holder.name);
  }
}

export async function removeLock(home: HubContext, digest: string): Promise<void> {
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
export async function openPull(home: HubContext, approval: Approval, head: string): Promise<HubEntry> {
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
