import { decidedAt, letThroughBy } from "../../approvals/let-through.ts";
import type { Approval } from "../../approvals/types.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent } from "../events.ts";
import type { Cleared, Decided } from "../exchange.ts";
import { bearerToken } from "../listener/door.ts";
import { budgetKeys } from "./hold-budget.ts";
import { approvalUrl, ended } from "./hold-refusals.ts";
import type { HomeTime } from "./home-time.ts";

/** Spends a use of an approval on this exchange, which may be forwarded then. Throws where there is none to spend. */
export async function spend(approval: Approval, exchange: Decided, home: HomeTime, deps: Deps): Promise<Cleared> {
  const used = (exchange as Cleared).use;
  // A retry of the same exchange goes on with the use that it already has.
  if (used?.approval === approval.name) return exchange;
  const spentAs = (exchange as Cleared).spentAs ?? exchange.firstId;
  const consumed = (n: number, more: { late?: true } = {}): void =>
    deps.recorder.record({
      ...exchangeEvent(exchange, "approval.consumed"),
      approval_id: approval.name,
      break_glass: approval.breakGlass !== undefined,
      payload: {
        use: n,
        ...letThroughBy(approval),
        url: decidedAt(approval, approvalUrl(approval.name, deps)),
        ...more,
      },
    });
  const result = await home.of("use", () => deps.approvals.use(approval.name, spentAs), {
    // It is spent, and nobody knows of it yet: nothing goes on with it.
    late: (spent) => spent.ok && consumed(spent.n, { late: true }),
  });
  if (!result.ok) throw ended(approval, exchange.decision, deps, result.reason);
  consumed(result.n);
  deps.holdBudget.refresh(budgetKeys(exchange));
  // A forge takes its time: who was ended meanwhile gets nothing for it.
  await deps.authenticator.authenticate(bearerToken(exchange.req), "data");
  const breakGlass = approval.breakGlass === undefined ? {} : { breakGlass: true as const };
  return Object.assign(exchange, { use: { approval: approval.name, n: result.n, ...breakGlass } });
}
