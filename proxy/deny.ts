import { Refusal, type RefusalCause } from "../base/errors.ts";
import type { Decision, Finding, Need, Policy } from "../engine/decision.ts";

/** The one finding of the decision's own that more facts can take back: a scope whose labels are not gathered yet. */
const UNTIL_GATHERED = "request/scope-unknown";

/**
 * Throws where the verdict is a deny that more facts cannot take back: one of a rule that has all that it needs.
 * A rule on writes of Secrets, say, denies until it knows that an apply changes nothing.
 */
export function refuseDenied(
  exchange: { policy: Policy; decision?: Decision },
  decision: Decision,
  gathered: Gathered,
): void {
  if (!isFinalDeny(decision, exchange.policy, gathered)) return;
  // What comes on record of the refusal is what was found now, and not what metadata said before.
  exchange.decision = decision;
  throw deniedRefusal(decision);
}

/** What of the facts is known; `"all"` once there is no more to know. */
type Gathered = ReadonlySet<Need> | "all";

/** Whether it is a deny that nothing more could take back. */
export function isFinalDeny(decision: Decision, policy: Policy, gathered: Gathered): boolean {
  if (decision.effect !== "deny") return false;
  return gathered === "all" || decision.findings.some(isFinal);

  function isFinal({ rule, effect }: Finding): boolean {
    if (effect !== "deny" || rule === UNTIL_GATHERED || gathered === "all") return false;
    return policy.needsOf(rule).every((need) => gathered.has(need));
  }
}

export function deniedRefusal(decision: Decision): Refusal {
  const denying = decision.findings.filter((finding) => finding.effect === "deny");
  const failed = denying.some((finding) => finding.rule === "request/policy-failed") || denying.length === 0;
  const text = denying.map((finding) => `${finding.rule}: ${finding.message}`).join("; ");
  return new Refusal(
    failed ? "policy-failed" : "policy-denied",
    failed ? "policy could not be evaluated, so the request is refused" : `blocked by ${text}`,
    {
      decisionId: decision.decisionId,
      causes: causesOf(denying.length === 0 ? decision.findings : denying),
      next: failed
        ? "Tell the operator of the gateway."
        : "This is policy, and asking again will not change it; a security engineer can explain the decision or change the guardrail.",
    },
  );
}

/** One cause a finding and field, as Kubernetes' own validation errors list theirs. */
export function causesOf(findings: readonly Finding[]): RefusalCause[] {
  return findings
    .slice(0, 20)
    .flatMap(({ rule, message, fields }) =>
      fields.length === 0 ? [{ rule, message }] : fields.slice(0, 10).map((field) => ({ rule, message, field })),
    );
}
