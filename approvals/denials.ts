import { Refusal } from "../base/errors.ts";
import type { Approval } from "./types.ts";

/** After a denial the same digest is refused for ten minutes (contracts §4). */
export const DENIAL_MS = 600_000;

/** Whether this is a denial that still refuses its digest. `now` in milliseconds since the epoch. */
export function refuses({ state, settledAt }: Approval, now: number): boolean {
  return state === "denied" && (settledAt ?? 0) + DENIAL_MS > now;
}

/** Among the entries of one digest, the newest last: the pending one, or else the denial that still refuses it. */
export function pendingOrDenied<E extends { approval: Approval }>(entries: readonly E[], now: number): E | undefined {
  return (
    entries.findLast(({ approval }) => approval.state === "pending" && approval.proposal.notAfter > now) ??
    entries.findLast(({ approval }) => refuses(approval, now))
  );
}

/** What a digest gets that was denied a moment ago: the reason, word for word. `url` is where the denial is shown. */
export function denialRefusal({ name, denial }: Approval, url: string): Refusal {
  return new Refusal("approval-denied", `${denial?.username ?? "an approver"} denied this: ${denial?.reason ?? ""}`, {
    next: "It is refused for ten minutes after the denial; ask the approver, or change the request.",
    approvalName: name,
    approvalUrl: url,
  });
}
