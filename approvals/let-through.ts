import type { Approval } from "./types.ts";

/** Who let a request through and why, for the record: its approvers, or the one who broke the glass. */
export function letThroughBy({ approvals, breakGlass }: Approval): { approvers: string[]; reason: string } {
  const votes = breakGlass === undefined ? approvals : [breakGlass.by];
  return { approvers: votes.map(({ username }) => username), reason: votes.at(-1)?.reason ?? "" };
}

/**
 * Among the entries of one digest, the newest last: the newest that is approved for this change, or else the newest that
 * is approved. What was approved stands for what was shown, however often the object changed since. `now` in milliseconds
 * since the epoch.
 */
export function approvedFor<E extends { approval: Approval }>(
  entries: readonly E[],
  { change, now }: { change: string | undefined; now: number },
): E | undefined {
  const approved = entries.filter(
    ({ approval: { state, proposal } }) => state === "approved" && proposal.notAfter > now,
  );
  return approved.findLast(({ approval }) => approval.proposal.change === change) ?? approved.at(-1);
}

/** Where it is decided: its pull request, else the gateway's own page of that URL. */
export function decidedAt({ pullRequest }: Approval, page: string): string {
  return pullRequest?.url ?? page;
}
