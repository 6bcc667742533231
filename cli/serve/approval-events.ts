import type { Approval, ApprovalState } from "../../approvals/types.ts";
import type { EventDraft, EventKind } from "../../audit/event.ts";
import { sha256 } from "../../base/digest.ts";

const KINDS: Record<Exclude<ApprovalState, "pending" | "consumed">, EventKind> = {
  approved: "approval.approved",
  denied: "approval.denied",
  expired: "approval.expired",
  cancelled: "approval.cancelled",
  revoked: "approval.revoked",
};

/** What became of a proposal, in its requester's session; a use is put on record by the exchange that spends it. */
export function approvalEvent(approval: Approval, url: string): EventDraft | undefined {
  const { state, proposal, name } = approval;
  if (state === "pending" || state === "consumed") return undefined;
  return {
    kind: KINDS[state],
    session_id: proposal.requester.session,
    at_ms: Date.now(),
    issuer: proposal.requester.issuer,
    username: proposal.requester.username,
    connection: proposal.connection,
    namespace: proposal.summary.namespace,
    name: proposal.summary.name,
    rules: proposal.rules,
    approval_id: name,
    digest: proposal.digest,
    payload: {
      approvers: approval.approvals.map((vote) => vote.username),
      reason: approval.denial?.reason ?? approval.approvals.at(-1)?.reason ?? "",
      deniedBy: approval.denial?.username ?? "",
      url: `${url}/approvals/${name}`,
      // Ties the event to the bytes that the approver was shown.
      file: sha256(approval.file),
    },
  };
}
