import type { Approval, ApprovalHome, Proposal } from "../../approvals/types.ts";
import { rfc3339 } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";
import { causesOf } from "../deny.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent } from "../events.ts";
import type { Cleared, Decided } from "../exchange.ts";
import { namespaceLabels } from "../gather/namespace-labels.ts";
import { covers } from "../hold/covers.ts";
import { approvalUrl, changed, denied, ended, notProposed, pending } from "../hold/hold-refusals.ts";
import { changeDigest, changeOf, digestOf, proposalOf } from "../hold/proposal.ts";
import { bearerToken } from "../listener/door.ts";
import { warningHeader } from "../render-refusal.ts";
import { spendStanding, withExceptions } from "../standing.ts";
import { ClientGone } from "../step.ts";
import { decide } from "./decide.ts";
import { gather } from "./gather.ts";

/**
 * A hold keeps the connection open while a human decides: it finds or opens the proposal of exactly this request,
 * waits for it to settle or for the time to run out, judges everything again, and spends the approval or refuses.
 */
export async function hold(exchange: Decided, deps: Deps): Promise<Cleared> {
  const { effect, findings } = exchange.decision;
  if (effect !== "hold" && findings.every(({ exception }) => exception === undefined)) return exchange;
  for (let current = exchange; ; current = await judgeNow(current, deps)) {
    const cleared = await held(current, deps);
    // A standing exception whose last use others spent meanwhile lifts nothing any more.
    if (cleared.input.request.dryRun || (await spendStanding(cleared, deps))) return cleared;
  }
}

async function held(exchange: Decided, deps: Deps): Promise<Cleared> {
  if (exchange.decision.effect !== "hold") return exchange;
  if (exchange.input.request.dryRun) {
    exchange.warnings.push(
      warningHeader(`sallyport: without --dry-run this would be held for approval (${rulesOf(exchange).join(", ")})`),
    );
    return exchange;
  }
  exchange.input.request.digest = digestOf(exchange, deps);
  let current = exchange;
  let supersedes: string | undefined;
  // The approval that this very exchange waited for, or has spent on an attempt that came to nothing. It stands
  // for this exchange even where others have spent it since: they must not make it ask a human once more.
  let granted = await approvalInUse(exchange, deps);
  for (;;) {
    const change = changeDigest(changeOf(current), deps);
    const known = granted ?? (await deps.approvals.find(current.input.request.digest));
    if (known?.state === "denied") throw denied(known, current.decision);
    if (known !== undefined && (known === granted || known.state === "approved")) {
      const asked = current.decision.approval?.requirements ?? [];
      if (covers(known.proposal, change, rulesOf(current), asked)) return await spend(known, current, deps);
      supersedes = known.name;
    }
    const settled = await propose(current, change, supersedes, deps);
    if (settled.state === "denied") throw denied(settled, current.decision);
    if (settled.state !== "approved") throw ended(settled, current.decision, deps);
    if (supersedes !== undefined && settled.name === supersedes) throw changed(settled, current.decision, deps);
    granted = settled;
    current = await judgeNow(current, deps);
    if (current.decision.effect !== "hold") return current;
  }
}

async function approvalInUse(exchange: Decided, deps: Deps): Promise<Approval | undefined> {
  const known = exchange as Cleared;
  const freed = deps.secondAttempts.take(exchange.session.id, exchange.input.request.digest);
  // What kubectl's first attempt spent in vain is this attempt's.
  if (freed !== undefined) known.spentAs = freed.spentAs;
  const approval = known.use?.approval ?? freed?.approval;
  return approval === undefined ? undefined : deps.approvals.get(approval);
}

/**
 * The world went on while the connection was held: who asked may be nobody by now, policy may be another one, and
 * an approval lifts only what it was given for.
 */
async function judgeNow(exchange: Decided, deps: Deps): Promise<Decided> {
  await deps.authenticator.authenticate(bearerToken(exchange.req), "data");
  exchange.input.now = rfc3339(deps.clock.now());
  const policy = withExceptions(exchange, deps.policy.current, deps);
  const again = Object.assign(exchange, { policy, needs: policy.needs(exchange.input) });
  // Its labels say which scopes apply, and they may be others by now.
  if (again.needs.has("namespaceLabels") && again.input.request.namespace !== "") await namespaceLabels(again, deps);
  return decide(await gather(again, deps), deps);
}

function rulesOf(exchange: Decided): string[] {
  return [...new Set(exchange.decision.findings.filter((f) => f.effect === "hold").map((f) => f.rule))];
}

async function spend(approval: Approval, exchange: Decided, deps: Deps): Promise<Cleared> {
  const used = (exchange as Cleared).use;
  // A retry of the same exchange goes on with the use that it already has.
  if (used?.approval === approval.name) return exchange;
  const result = await deps.approvals.use(approval.name, (exchange as Cleared).spentAs ?? exchange.firstId);
  if (!result.ok) throw ended(approval, exchange.decision, deps, result.reason);
  deps.recorder.record({
    ...exchangeEvent(exchange, "approval.consumed"),
    approval_id: approval.name,
    payload: {
      use: result.n,
      approvers: approval.approvals.map((vote) => vote.username),
      reason: approval.approvals.at(-1)?.reason ?? "",
      url: approvalUrl(approval.name, deps),
    },
  });
  deps.holdBudget.refresh(budgetKeys(exchange));
  return Object.assign(exchange, { use: { approval: approval.name, n: result.n } });
}

async function propose(
  exchange: Decided,
  change: string,
  supersedes: string | undefined,
  deps: Deps,
): Promise<Approval> {
  const proposal = proposalOf(exchange, change, supersedes, deps);
  const { approval, opened } = await open(proposal, exchange, deps);
  deps.recorder.record({
    ...exchangeEvent(exchange, opened ? "hold.opened" : "hold.reattached"),
    approval_id: approval.name,
    payload: {
      rules: proposal.rules,
      url: approvalUrl(approval.name, deps),
      supersedes: supersedes ?? "",
      causes: causesOf(exchange.decision.findings),
    },
  });
  // Nobody else's write of this object waits for a human.
  exchange.unlock?.();
  const budget = deps.holdBudget.start(budgetKeys(exchange), exchange.decision.approval?.holdSeconds ?? 90);
  const timeout = AbortSignal.timeout(budget.waitMs);
  try {
    const settled =
      budget.waitMs === 0
        ? approval
        : await deps.approvals.waitSettled(approval.name, AbortSignal.any([timeout, exchange.signal, budget.drained]));
    if (settled.state !== "pending") return settled;
  } finally {
    budget.end();
  }
  if (exchange.signal.aborted) throw new ClientGone();
  deps.recorder.record({ ...exchangeEvent(exchange, "hold.timed_out"), approval_id: approval.name });
  throw pending(approval, exchange.decision, supersedes, deps);
}

/** The home caps what one session or person may have waiting: a hostile agent must not bury its approvers. */
async function open(proposal: Proposal, { decision }: Decided, deps: Deps): ReturnType<ApprovalHome["propose"]> {
  try {
    return await deps.approvals.propose(proposal);
  } catch (error) {
    throw error instanceof Refusal ? notProposed(error, decision) : error;
  }
}

function budgetKeys({ session, input }: Decided): string[] {
  return [`session/${session.id}`, `digest/${input.request.digest}`];
}
