import { Refusal } from "../base/errors.ts";
import type { Actor, Approval, Proposal } from "./types.ts";
import { checkApprover, listing, type Person, samePerson } from "./voters.ts";

/**
 * Refuses a break-glass that nobody may do: of what no exception lifts, and by a login that is no listed person's own,
 * since an agent's groups may well include the role. Whether somebody has the role is for the caller to say.
 */
export function checkBreakGlass(people: readonly Person[], proposal: Proposal, by: Actor): void {
  const absolute = proposal.findings.find((finding) => finding.absolute === true);
  if (absolute !== undefined) {
    throw new Refusal("forbidden", `${absolute.rule} is absolute: no exception and no break-glass lifts it`);
  }
  if (!listing(people)(by.username)) {
    throw new Refusal("forbidden", `${by.username} is not a person's own identity in people, and breaks no glass`, {
      next: "List the person's identities, and the agents that act for them, under people in sallyport.yaml.",
    });
  }
}

/** Refuses who may not review a break-glass: an approver of the request who is neither its requester nor who did it. */
export function checkReviewer(people: readonly Person[], { proposal, breakGlass }: Approval, by: Actor): void {
  if (breakGlass === undefined) throw new Refusal("conflict", "this approval is no break-glass");
  if (breakGlass.review !== undefined) throw new Refusal("conflict", "this break-glass is already reviewed");
  checkApprover(people, proposal, by);
  if (samePerson(people, breakGlass.by.username, by.username)) {
    throw new Refusal("forbidden", `${by.username} broke the glass: somebody else reviews it`, {
      next: "Ask another approver.",
    });
  }
}
