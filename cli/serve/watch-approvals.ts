import type { ApprovalHome, HomeStatus } from "../../approvals/types.ts";
import type { Recorder } from "../../audit/event.ts";
import type { Log } from "../../base/log.ts";
import { ApprovalEvents } from "./approval-events.ts";
import type { Peers } from "./peers.ts";

const LOOK_MS = 2_000;

/** What an operator's counters need of approvals, beside the home's own status. */
export interface ApprovalCounts {
  breakGlassUses: number;
  breakGlassReviews: number;
}

/**
 * Puts on record what becomes of proposals, tells the other replicas of it, and says in the log what an operator must
 * know of the repository when it begins and when it is over. Returns what it counts, and what stops it.
 */
export function watchApprovals(
  home: ApprovalHome,
  { recorder, peers, url, log }: { recorder: Recorder; peers: Peers; url: string; log: Log },
): { counts: ApprovalCounts; stop(): void } {
  const counts = { breakGlassUses: 0, breakGlassReviews: 0 };
  const events = new ApprovalEvents(url);
  const offChange = home.onChange((approval) => {
    const event = events.of(approval);
    if (event !== undefined) recorder.record(event);
    if (event?.kind === "break_glass.used") counts.breakGlassUses++;
    if (event?.kind === "break_glass.reviewed") counts.breakGlassReviews++;
    peers.tell();
  });
  const offStanding = home.standing.onChange(() => peers.tell());
  let said = new Set<string>();
  const look = (): void => {
    const now = troubles(home.status());
    for (const trouble of now) if (!said.has(trouble)) log.warn(trouble);
    for (const trouble of said) if (!now.has(trouble)) log.info(`no longer so: ${trouble}`);
    said = now;
  };
  look();
  const timer = setInterval(look, LOOK_MS).unref();
  return {
    counts,
    stop() {
      clearInterval(timer);
      offChange();
      offStanding();
    },
  };
}

/** Each in a sentence that stays the same while it lasts. */
function troubles({ warnings, unreachable, frozen, malformed, overdueReviews }: HomeStatus): Set<string> {
  return new Set([
    ...warnings.map((warning) => `approvals repository: ${warning}`),
    ...(unreachable === undefined
      ? []
      : ["the approvals repository cannot be reached: nothing new is held or approved"]),
    ...(frozen === undefined
      ? []
      : [
          `main of the approvals repository was rewritten (${frozen.from} → ${frozen.to}): nothing new counts until a person resets it`,
        ]),
    ...malformed.map(({ name, error }) => `the exception ${name} stands for nothing: ${error}`),
    ...overdueReviews.map((name) => `the review of the break-glass ${name} is overdue`),
  ]);
}
