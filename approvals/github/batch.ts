import { together } from "../batch.ts";
import { whole } from "../pull-request/limits.ts";
import { renderBatch } from "../pull-request/pull-request.ts";
import type { Approval } from "../types.ts";
import type { HubContext, HubEntry, HubPull } from "./context.ts";
import { statusOf } from "./failures.ts";
import { commitAt, createRef, writeCommit, writeTree } from "./git.ts";
import { isOpen } from "./outcome.ts";
import { addMember, MOST_MEMBERS } from "./proposals.ts";
import { labelLater, pullText, shownIn, stub } from "./pulls.ts";
import { type RecordOf, recordMessage } from "./records.ts";
import { BRANCH } from "./refs.ts";
import { anyShape, type Pull, pullShape, refShape } from "./wire.ts";

/** The pending batch of a session that one more request may join; the newest. */
function batchOf(home: HubContext, approval: Approval): HubPull | undefined {
  return [...home.pulls.values()].findLast(
    ({ members, unjudged, ours }) =>
      ours &&
      !unjudged &&
      members.length < MOST_MEMBERS &&
      members.every((member) => together(member.approval, approval)),
  );
}

/**
 * One more request in the pull request of its session: a commit on top, which moves the head, so that reviews of what
 * it was before count no more. Undefined where there is none to join, or it was decided meanwhile.
 */
export function joinBatch(
  home: HubContext,
  approval: Approval,
  record: RecordOf<"propose">,
): Promise<HubEntry | undefined> {
  const pull = batchOf(home, approval);
  if (pull === undefined) return Promise.resolve(undefined);
  return home.alone(`batch/${pull.number}`, () => join(home, pull, approval, record));
}

async function join(
  home: HubContext,
  pull: HubPull,
  approval: Approval,
  record: RecordOf<"propose">,
): Promise<HubEntry | undefined> {
  if (pull !== batchOf(home, approval)) return undefined;
  const approvals = [...pull.members.map((member) => member.approval), approval];
  // Before anything is created: what cannot be shown whole is refused.
  batchText(home, approvals);
  const { name, proposal } = approval;
  const first = approvals[0]?.proposal.digest ?? proposal.digest;
  const before = await commitAt(home, pull.head);
  const tree = await writeTree(home, before.tree, `exceptions/${name}.yaml`, approval.file);
  const message = recordMessage(home.keys, `Propose ${name}`, { ...record, branch: first, parent: pull.head });
  const head = await writeCommit(home, "hold", message, tree, [pull.head]);
  const branch = `sallyport/${proposal.digest}`;
  if (!(await createRef(home, "hold", BRANCH + proposal.digest, head))) return undefined;
  try {
    // Forwards only: where somebody pushed to it, or it is gone, this is no batch to join.
    const parameters = { ref: `heads/${pull.branch}`, sha: head, force: false };
    await home.client.send("hold", "PATCH /repos/{owner}/{repo}/git/refs/{ref}", parameters, refShape);
    // Where branches stay after a merge this one moves on, and what was merged is as it was.
    if (!(await isOpen(home, pull))) return await leave(home, branch);
  } catch (error) {
    if (statusOf(error) !== 422 && statusOf(error) !== 404) throw error;
    return await leave(home, branch);
  }
  const known = home.index.byName.get(name);
  pull.head = head;
  pull.locks = (pull.locks ?? new Map()).set(branch, head);
  const entry = known ?? addMember(pull, approval);
  if (known === undefined) home.index.add(entry);
  showBatch(home, pull);
  labelLater(home, pull.number, pullText(home, approval).labels);
  return entry;
}

/** Gives the lock back: the request gets a pull request of its own. */
async function leave(home: HubContext, branch: string): Promise<undefined> {
  await home.client.send("hold", "DELETE /repos/{owner}/{repo}/git/refs/{ref}", { ref: `heads/${branch}` }, anyShape);
  return undefined;
}

function batchText(home: HubContext, approvals: readonly Approval[]): { title: string; body: string } {
  const { title, body } = renderBatch(approvals, ({ name }) => ({
    url: home.url(name),
    ...(home.docsUrl === undefined ? {} : { docsUrl: home.docsUrl }),
  }));
  return { title, body: whole(body + stub(home, approvals, { title, body })) };
}

/** Writes all that a batch has into its pull request, the newest last: what is not shown cannot be approved. */
function showBatch(home: HubContext, pull: HubPull): void {
  const show = async (): Promise<void> => {
    const text = batchText(
      home,
      pull.members.map(({ approval }) => approval),
    );
    const route = "PATCH /repos/{owner}/{repo}/pulls/{pull_number}";
    await home.client.send("hold", route, { pull_number: pull.number, ...text }, pullShape).catch((error: unknown) => {
      pull.behind = Date.now();
      throw error;
    });
  };
  home.later("saying what a batch has", () => home.alone(`text/${pull.number}`, show));
}

/** How long after it joined the text may show a member: by who wrote it, and by the others where that one is gone. */
const SHOWN_MS = { ours: 5000, others: 30_000 };

/** Keeps in mind since when the text of a batch shows less than it has: GitHub did not take it, or a crash came between. */
export function noteBehind(home: HubContext, batch: HubPull, pull: Pull): void {
  const behind = pull.state === "open" && shownIn(home, pull).length < batch.members.length;
  batch.behind = behind ? (batch.behind ?? Date.now()) : undefined;
}

/** Writes it again, where it is behind for long. */
export function showBehind(home: HubContext, batch: HubPull): void {
  const { behind, ours, members } = batch;
  if (behind === undefined || Date.now() - behind < SHOWN_MS[ours ? "ours" : "others"]) return;
  batch.behind = undefined;
  if (members.some(({ approval }) => approval.state === "pending")) showBatch(home, batch);
}
