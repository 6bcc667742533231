import { clip } from "../../approvals/text.ts";
import type { Approval } from "../../approvals/types.ts";
import { Refusal, type RefusalDetails } from "../../base/errors.ts";
import type { Decision } from "../../engine/decision.ts";
import { causesOf } from "../deny.ts";
import type { Deps } from "../deps.ts";

/** Where a human reads what is held, and finds how to decide it. */
export function approvalUrl(name: string, deps: Pick<Deps, "url">): string {
  return `${deps.url}/approvals/${name}`;
}

function detailsOf(decision: Decision, more: RefusalDetails): RefusalDetails {
  const holding = decision.findings.filter((finding) => finding.effect === "hold");
  return { decisionId: decision.decisionId, causes: causesOf(holding), ...more };
}

function reasons(decision: Decision): string {
  const holding = decision.findings.filter((finding) => finding.effect === "hold");
  return holding.map((finding) => `${finding.rule}: ${finding.message}`).join("; ");
}

export function pending(
  approval: Approval,
  decision: Decision,
  supersedes: string | undefined,
  deps: Pick<Deps, "url">,
): Refusal {
  const url = approvalUrl(approval.name, deps);
  const changed =
    supersedes === undefined
      ? ""
      : `, and the change, or who must approve it, is no longer the one that was approved as ${supersedes}`;
  return new Refusal(
    supersedes === undefined ? "approval-pending" : "approval-changed",
    `held for approval by ${reasons(decision)}${changed}`,
    detailsOf(decision, {
      approvalUrl: url,
      approvalName: approval.name,
      next: `Ask for approval at ${url}, then run the same command again.`,
    }),
  );
}

export function denied(approval: Approval, decision: Decision): Refusal {
  const reason = approval.denial?.reason ?? "";
  return new Refusal(
    "approval-denied",
    `denied by ${approval.denial?.username ?? "an approver"}${reason === "" ? "" : `: ${reason}`} (held by ${reasons(decision)})`,
    detailsOf(decision, {
      approvalName: approval.name,
      next: "Do not ask again with the same request; talk to the approver.",
    }),
  );
}

/** An approval that changed under the request: given for another change or by fewer people, and not for this one. */
export function changed(approval: Approval, decision: Decision, deps: Pick<Deps, "url">): Refusal {
  return new Refusal(
    "approval-changed",
    `the change, or who must approve it, is no longer the one that was approved as ${approval.name} (held by ${reasons(decision)})`,
    detailsOf(decision, {
      approvalName: approval.name,
      approvalUrl: approvalUrl(approval.name, deps),
      next: "Run the command again to ask for approval of what it would do now.",
    }),
  );
}

export function ended(
  approval: Approval,
  decision: Decision,
  deps: Pick<Deps, "url">,
  why: string = stateOf(approval),
): Refusal {
  return new Refusal(
    "approval-pending",
    `held for approval by ${reasons(decision)}, and approval ${approval.name} is ${why}`,
    detailsOf(decision, {
      approvalName: approval.name,
      approvalUrl: approvalUrl(approval.name, deps),
      next: "Run the command again to ask anew.",
    }),
  );
}

/** Why it is over; a forge's part of that is anybody's text. */
function stateOf({ state, ended }: Approval): string {
  return ended === undefined || ended.reason === "" ? state : `${state}: ${clip(ended.reason, 500)}`;
}

/** No proposal could be opened: denied a moment ago, too many waiting, too much to show. */
export function notProposed(refusal: Refusal, decision: Decision): Refusal {
  const { code, message, details } = refusal;
  return new Refusal(code, `${message} (held by ${reasons(decision)})`, detailsOf(decision, details));
}
