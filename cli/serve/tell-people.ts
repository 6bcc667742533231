import { type ApprovalNews, approvalNews, frozenNews } from "../../approvals/notify/event.ts";
import { createNotifier } from "../../approvals/notify/notifier.ts";
import type { Approval, ApprovalHome, HomeStatus } from "../../approvals/types.ts";
import type { Clock } from "../../base/clock.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import type { Log } from "../../base/log.ts";

const LOOK_MS = 5_000;
/** What is about to expire undecided: this share of its life is left, and at most so long. */
const EXPIRING_SHARE = 1 / 3;
const EXPIRING_MS = 300_000;
/** Of those that this replica opened and that nobody settled yet. */
const REMEMBERED = 10_000;

export interface PeopleTold {
  /** A proposal was opened here. */
  held(approval: Approval): void;
  /** News that were given up, by target. */
  givenUp(): Record<string, number>;
  close(): Promise<void>;
}

/**
 * Tells people where `notifications` say: what waits and what became of it by the replica that opened it, so that they
 * hear of it once; what must not be missed (break-glass, a late review, a rewritten history) by every one, under one id.
 */
export function tellPeople(
  config: Pick<GatewayConfig, "notifications"> & { listen: { url: string } },
  home: ApprovalHome,
  { clock, log }: { clock: Clock; log: Log },
): PeopleTold {
  const notifier = createNotifier(config.notifications, { clock, log });
  const open = new Map<string, { approval: Approval; expiring: boolean }>();
  const tell = (news: ApprovalNews, approval: Approval): void =>
    notifier.notify(approvalNews(news, approval, `${config.listen.url}/approvals/${approval.name}`, clock.now()));
  const offChange = home.onChange((approval) => {
    const { name, state, breakGlass } = approval;
    const ours = open.delete(name);
    if (breakGlass !== undefined) {
      if (state === "approved" && breakGlass.review === undefined) tell("break_glass.used", approval);
    } else if (ours && state === "approved") tell("approval.approved", approval);
    else if (ours && state === "denied") tell("approval.denied", approval);
  });
  let before: HomeStatus | undefined;
  const look = async (): Promise<void> => {
    const now = clock.now();
    for (const one of open.values()) {
      const { openedAt, proposal } = one.approval;
      const left = proposal.notAfter - now;
      if (one.expiring || left > Math.min(EXPIRING_MS, (proposal.notAfter - openedAt) * EXPIRING_SHARE)) continue;
      one.expiring = true;
      tell("approval.expiring", one.approval);
    }
    const status = home.status();
    if (status.frozen !== undefined && status.frozen.to !== before?.frozen?.to) {
      notifier.notify(frozenNews(status.frozen));
    }
    const overdue = status.overdueReviews.filter((name) => before?.overdueReviews.includes(name) !== true);
    before = status;
    for (const name of overdue) {
      const approval = await home.get(name);
      if (approval !== undefined) tell("break_glass.review_overdue", approval);
    }
  };
  const timer = setInterval(() => {
    look().catch((error: unknown) => log.error("people were not told of what is overdue", { error }));
  }, LOOK_MS).unref();
  return {
    held(approval) {
      if (open.size >= REMEMBERED) for (const oldest of open.keys()) if (open.delete(oldest)) break;
      open.set(approval.name, { approval, expiring: false });
      tell("approval.held", approval);
    },
    givenUp: () => notifier.givenUp(),
    async close() {
      clearInterval(timer);
      offChange();
      await notifier.close();
    },
  };
}
