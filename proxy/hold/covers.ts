import type { Proposal, Requirement } from "../../approvals/types.ts";

/**
 * Whether what was approved lifts what is held now: its own rules only, only the change that was shown, and only
 * where each rule asks no more of approvers than they gave: guardrails may have become stricter since.
 */
export function covers(
  approved: Pick<Proposal, "rules" | "change" | "requirements">,
  change: string,
  held: readonly string[],
  requirements: readonly Requirement[],
): boolean {
  const met = (rule: string, now: Requirement): boolean =>
    approved.requirements.some(
      (then) => then.rules.includes(rule) && then.required >= now.required && samePeople(then.approvers, now.approvers),
    );
  return (
    approved.change === change &&
    held.every((rule) => approved.rules.includes(rule) && requirements.some(({ rules }) => rules.includes(rule))) &&
    requirements.every((now) => now.rules.every((rule) => met(rule, now)))
  );
}

/** More people would be easier to find one among, and fewer are others. */
function samePeople(a: readonly string[], b: readonly string[]): boolean {
  return a.every((one) => b.includes(one)) && b.every((one) => a.includes(one));
}
