import { decidedAt } from "../../approvals/let-through.ts";
import type { Approval, ApprovalHome, Proposal } from "../../approvals/types.ts";
import { Refusal } from "../../base/errors.ts";
import { causesOf } from "../deny.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent } from "../events.ts";
import type { Decided } from "../exchange.ts";
import { ClientGone } from "../step.ts";
import { budgetKeys } from "./hold-budget.ts";
import { approvalUrl, notProposed, pending } from "./hold-refusals.ts";
import type { HomeTime } from "./home-time.ts";
import { proposalOf } from "./proposal.ts";

interface Asked {
  change: string;
  supersedes: string | undefined;
  home: HomeTime;
}

/**
 * Finds or opens the proposal of exactly this request, and waits for a human within the hold budget. Resolves when it
 * is pending no more; throws Refusal `approval-pending` past the budget.
 */
export async function askHuman(exchange: Decided, { change, supersedes, home }: Asked, deps: Deps): Promise<Approval> {
  const batch = exchange.decision.approval?.batch === true ? { batch: true } : {};
  const proposal: Proposal = { ...proposalOf(exchange, change, supersedes, deps), ...batch };
  const { approval, opened } = await open(proposal, exchange, home, deps);
  deps.recorder.record({
    ...exchangeEvent(exchange, opened ? "hold.opened" : "hold.reattached"),
    approval_id: approval.name,
    payload: {
      rules: proposal.rules,
      url: decidedAt(approval, approvalUrl(approval.name, deps)),
      supersedes: supersedes ?? "",
      causes: causesOf(exchange.decision.findings),
    },
  });
  if (opened) deps.held?.(approval);
  // Nobody else's write of this object waits for a human.
  exchange.unlock?.();
  const budget = deps.holdBudget.start(budgetKeys(exchange), exchange.decision.approval?.holdSeconds ?? 90);
  const { waitMs, drained } = budget;
  const over = AbortSignal.any([AbortSignal.timeout(waitMs), exchange.signal, drained]);
  try {
    const wait = (): Promise<Approval> => deps.approvals.waitSettled(approval.name, over);
    const settled = waitMs === 0 ? approval : await home.of("wait", wait, { moreMs: waitMs });
    if (settled.state !== "pending") return settled;
  } finally {
    budget.end();
    home.renew();
  }
  if (exchange.signal.aborted) throw new ClientGone();
  deps.recorder.record({ ...exchangeEvent(exchange, "hold.timed_out"), approval_id: approval.name });
  throw pending(approval, exchange.decision, supersedes, deps);
}

/** The home caps what one session or person may have waiting: a hostile agent must not bury its approvers. */
async function open(
  proposal: Proposal,
  { decision }: Decided,
  home: HomeTime,
  deps: Deps,
): ReturnType<ApprovalHome["propose"]> {
  try {
    const key = `${proposal.digest} ${proposal.change}`;
    const propose = (): ReturnType<ApprovalHome["propose"]> => deps.approvals.propose(proposal);
    const { answer, first } = await home.of("propose", () => deps.sharedAsks.open(key, propose));
    return { approval: answer.approval, opened: answer.opened && first };
  } catch (error) {
    throw error instanceof Refusal ? notProposed(error, decision) : error;
  }
}
