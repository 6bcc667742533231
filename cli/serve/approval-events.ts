import { decidedAt, letThroughBy } from "../../approvals/let-through.ts";
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
/** Which approvals were told of last: a change of one that is older is told as if it were the first. */
const REMEMBERED = 10_000;

/**
 * What became of proposals, in their requesters' sessions: one event a change. A use is put on record by the exchange
 * that spends it.
 */
export class ApprovalEvents {
  readonly #url: string;
  readonly #told = new Map<string, { state: ApprovalState; reviewed: boolean }>();
  /** `url`: `listen.url` of the configuration. */
  constructor(url: string) {
    this.#url = url;
  }

  /** What is to be recorded of an approval that changed. */
  of(approval: Approval): EventDraft | undefined {
    const { name, state, breakGlass } = approval;
    const before = this.#told.get(name);
    if (before === undefined && this.#told.size >= REMEMBERED) {
      for (const oldest of this.#told.keys()) if (this.#told.delete(oldest)) break;
    }
    this.#told.set(name, { state, reviewed: breakGlass?.review !== undefined });
    if (breakGlass?.review !== undefined && before?.reviewed !== true) return this.#reviewed(approval);
    if (state === before?.state || state === "pending" || state === "consumed") return undefined;
    const used = state === "approved" && breakGlass !== undefined;
    return this.#event(used ? "break_glass.used" : KINDS[state], approval, verdictOf(approval));
  }

  #reviewed(approval: Approval): EventDraft {
    const review = approval.breakGlass?.review;
    return this.#event("break_glass.reviewed", approval, {
      approvers: review === undefined ? [] : [review.username],
      reason: review?.reason ?? "",
      verdict: review?.verdict ?? "",
    });
  }

  #event(kind: EventKind, approval: Approval, payload: Record<string, unknown>): EventDraft {
    const { proposal, name } = approval;
    return {
      kind,
      session_id: proposal.requester.session,
      at_ms: Math.min(happenedAt(kind, approval) ?? Date.now(), Date.now()),
      issuer: proposal.requester.issuer,
      username: proposal.requester.username,
      connection: proposal.connection,
      namespace: proposal.summary.namespace,
      name: proposal.summary.name,
      rules: proposal.rules,
      approval_id: name,
      break_glass: approval.breakGlass !== undefined,
      digest: proposal.digest,
      payload: {
        ...payload,
        url: decidedAt(approval, `${this.#url}/approvals/${name}`),
        // Ties the event to the bytes that the approver was shown.
        file: sha256(approval.file),
      },
    };
  }
}

/**
 * When it came to be so, by what the repository says: a replica that learns of it later must not put an approval behind
 * its use, and two that tell of one change tell the same. Undefined where nothing says so.
 */
function happenedAt(kind: EventKind, { state, settledAt, denial, ended, breakGlass, proposal }: Approval) {
  if (kind === "break_glass.reviewed") return breakGlass?.review?.at;
  switch (state) {
    case "denied":
      return denial?.at;
    case "cancelled":
    case "revoked":
      return ended?.at;
    case "expired":
      return proposal.notAfter;
    default:
      return breakGlass?.by.at ?? settledAt;
  }
}

/** Who brought it where it is, and why; the gateway itself is nobody. */
function verdictOf(approval: Approval): { approvers: string[]; reason: string } {
  const { state, denial, ended } = approval;
  if (state === "denied")
    return { approvers: denial === undefined ? [] : [denial.username], reason: denial?.reason ?? "" };
  if (state === "cancelled" || state === "revoked") {
    return { approvers: ended === undefined || ended.by === "" ? [] : [ended.by], reason: ended?.reason ?? "" };
  }
  return letThroughBy(approval);
}
