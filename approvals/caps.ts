import { Refusal } from "../base/errors.ts";
import type { Approval, Proposal } from "./types.ts";

/** How many proposals may be pending: `limits` of the configuration, and of all. */
export interface Caps {
  holdsPerSession: number;
  holdsPerIdentity: number;
  pending: number;
}

export const DEFAULT_CAPS: Caps = { holdsPerSession: 20, holdsPerIdentity: 50, pending: 1000 };

/** Refuses one proposal more than may be pending. Throws Refusal `too-many`, which says whose cap it is. */
export function checkCaps(
  known: Iterable<{ approval: Approval }>,
  { requester }: Pick<Proposal, "requester">,
  caps: Caps,
): void {
  let all = 0;
  let identity = 0;
  let session = 0;
  for (const { approval } of known) {
    if (approval.state !== "pending") continue;
    all += 1;
    const other = approval.proposal.requester;
    if (other.issuer !== requester.issuer || other.username !== requester.username) continue;
    identity += 1;
    if (other.session === requester.session) session += 1;
  }
  check("this session", session, caps.holdsPerSession);
  check(requester.username, identity, caps.holdsPerIdentity);
  check("the gateway", all, caps.pending);
}

function check(what: string, holds: number, cap: number): void {
  if (holds < cap) return;
  throw new Refusal("too-many", `${what} already has ${holds} requests waiting for approval`, {
    next: "Wait until some of them are decided or expire.",
  });
}
