import type { ApprovalHome } from "../../approvals/types.ts";
import { family, gauge } from "./metrics.ts";
import type { ApprovalCounts } from "./watch-approvals.ts";

const PAGE = 500;

/** What an operator watches of approvals, in the text format of Prometheus. */
export async function renderApprovalMetrics(
  home: Pick<ApprovalHome, "list" | "status" | "standing">,
  { breakGlassUses, breakGlassReviews }: ApprovalCounts,
  notificationsGivenUp: Readonly<Record<string, number>>,
): Promise<string> {
  const { checkedAt, unreachable, frozen, malformed, overdueReviews, warnings, budget } = home.status();
  const lines = [
    ...gauge("sallyport_approvals_pending", "Requests that wait for a human.", await pendingOf(home)),
    ...gauge("sallyport_standing_exceptions", "Standing exceptions in force.", home.standing.size),
    ...gauge(
      "sallyport_approvals_malformed_exceptions",
      "Exception files on main that stand for nothing.",
      malformed.length,
    ),
    ...gauge(
      "sallyport_approvals_frozen",
      "1 while nothing new counts, since main was rewritten.",
      frozen === undefined ? 0 : 1,
    ),
    ...gauge(
      "sallyport_approvals_unreachable",
      "1 while the repository cannot be reached.",
      unreachable === undefined ? 0 : 1,
    ),
    ...gauge(
      "sallyport_approvals_last_success_timestamp_seconds",
      "When the repository was last seen whole; 0: never.",
      Math.floor(checkedAt / 1000),
    ),
    ...gauge(
      "sallyport_approvals_warnings",
      "What is set up in a way that weakens approvals, such as a branch without protection.",
      warnings.length,
    ),
    ...family("sallyport_break_glass_total", "counter", "Requests that were let through by break-glass."),
    `sallyport_break_glass_total ${breakGlassUses}`,
    ...family("sallyport_break_glass_reviews_total", "counter", "Reviews of break-glass."),
    `sallyport_break_glass_reviews_total ${breakGlassReviews}`,
    ...gauge(
      "sallyport_break_glass_reviews_overdue",
      "Break-glass uses whose review is overdue.",
      overdueReviews.length,
    ),
  ];
  const targets = Object.entries(notificationsGivenUp);
  if (targets.length > 0) {
    lines.push(
      ...family("sallyport_notifications_given_up_total", "counter", "News that could not be delivered."),
      ...targets.map(([target, count]) => `sallyport_notifications_given_up_total{target="${target}"} ${count}`),
    );
  }
  if (budget !== undefined) {
    lines.push(
      ...family("sallyport_approvals_budget", "gauge", "Content creations that the forge still lets the gateway make."),
      `sallyport_approvals_budget{period="minute"} ${budget.minute}`,
      `sallyport_approvals_budget{period="hour"} ${budget.hour}`,
    );
  }
  return `${lines.join("\n")}\n`;
}

async function pendingOf(home: Pick<ApprovalHome, "list">): Promise<number> {
  let count = 0;
  for (let next: string | undefined = ""; next !== undefined; ) {
    const page = await home.list({ state: "pending", limit: PAGE, ...(next === "" ? {} : { continue: next }) });
    count += page.items.length;
    next = page.continue;
  }
  return count;
}
