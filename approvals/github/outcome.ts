import { z } from "zod";
import { type Outcome, renderOutcome } from "../pull-request/outcome.ts";
import type { Priority } from "./budget.ts";
import { type HubContext, type HubEntry, type HubPull, move } from "./context.ts";
import { statusOf } from "./failures.ts";
import { hiddenRecord, type RecordOf, readRecord } from "./records.ts";
import { anyShape, type Comment, commentShape, refShape } from "./wire.ts";

/** Another gateway tidies up what the one that opened it did not: it may be gone. */
const OTHERS_MS = 30_000;

type Ending = Outcome & { issuer?: string };

/** Writes back what became of a request, with a record that a later start can rely on. */
export async function comment(home: HubContext, entry: HubEntry, ending: Ending, now = false): Promise<void> {
  const { kind: state, at, by = "", reason = "", issuer } = ending;
  const record: RecordOf<"outcome"> = {
    kind: "outcome",
    name: entry.approval.name,
    state,
    at,
    by,
    reason,
    ...(issuer === undefined ? {} : { issuer }),
  };
  await home.client.send(
    now ? "use" : "comment",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    { issue_number: entry.pull.number, body: renderOutcome(entry.approval, ending) + hiddenRecord(home.keys, record) },
    anyShape,
  );
}

export function commentsOf(home: HubContext, issue_number: number): Promise<Comment[]> {
  return home.client.list("GET /repos/{owner}/{repo}/issues/{issue_number}/comments", { issue_number }, commentShape);
}

/** What our own comments say became of a request, the newest last. */
export function outcomesIn(home: HubContext, comments: readonly Comment[], name: string): RecordOf<"outcome">[] {
  return comments.flatMap(({ body }) => {
    const record = readRecord(home.keys, "outcome", body ?? "");
    return record?.name === name ? [record] : [];
  });
}

/** Closes a pull request that nobody merged. Resolves to false where it was merged meanwhile. */
export async function close(home: HubContext, pull: HubPull, priority: Priority): Promise<boolean> {
  const closed = await home.client.send(
    priority,
    "PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
    { pull_number: pull.number, state: "closed" },
    mergedShape,
  );
  return closed.merged !== true;
}

const mergedShape = z.object({ merged: z.boolean().nullish() });

/** Takes a branch away, where it is still what we made of it: the next request of its digest may have made it anew. */
export async function removeBranch(home: HubContext, branch: string, head: string): Promise<void> {
  const ref = `heads/${branch}`;
  const found = await home.client.find("GET /repos/{owner}/{repo}/git/ref/{ref}", { ref }, refShape);
  if (found?.object.sha !== head || found.ref !== `refs/${ref}`) return;
  try {
    await home.client.send("comment", "DELETE /repos/{owner}/{repo}/git/refs/{ref}", { ref }, anyShape);
  } catch (error) {
    if (statusOf(error) !== 422) throw error; // somebody else was faster
  }
}

/** Ends a proposal without a merge, and leaves the rest to when there is time for it. */
export function endWith(home: HubContext, entry: HubEntry, ending: Ending): boolean {
  const { kind, at, by = "", reason = "" } = ending;
  if (kind === "consumed" || kind === "break-glass") throw new TypeError(`${kind} ends nothing`);
  if (!move(home, entry, kind, kind === "cancelled" || kind === "revoked" ? { ended: { by, at, reason } } : {}))
    return false;
  tidyLater(home, entry, ending);
  return true;
}

/** The comment, and no branch left: by the gateway that opened it, and by the others where it did not. */
export function tidyLater(home: HubContext, entry: HubEntry, ending: Ending): void {
  const { pull, approval } = entry;
  const tidy = async (): Promise<void> => {
    if (pull.members.some((member) => member.approval.state === "pending")) return;
    const open = await isOpen(home, pull);
    const said = pull.ours ? [] : outcomesIn(home, await commentsOf(home, pull.number), approval.name);
    if (!said.some(({ state }) => state === ending.kind)) await comment(home, entry, ending);
    if (open && pull.merged === undefined) await close(home, pull, "comment");
    await removeBranches(home, pull);
  };
  const what = `tidying up after ${approval.name}`;
  if (pull.ours) home.later(what, () => home.alone(approval.proposal.digest, tidy));
  else setTimeout(() => home.later(what, tidy), OTHERS_MS * (1 + Math.random())).unref();
}

export async function removeBranches(home: HubContext, pull: HubPull): Promise<void> {
  const branches = new Set([
    pull.branch,
    ...pull.members.map(({ approval }) => `sallyport/${approval.proposal.digest}`),
  ]);
  for (const branch of branches) {
    const head = branch === pull.branch ? pull.head : (pull.locks?.get(branch) ?? pull.head);
    await removeBranch(home, branch, head);
  }
}

export async function isOpen(home: HubContext, { number }: Pick<HubPull, "number">): Promise<boolean> {
  const { state } = await home.client.get(
    "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    { pull_number: number },
    z.object({ state: z.string() }),
  );
  return state === "open";
}
