import type { Approval, ApprovalHome } from "../../approvals/types.ts";
import type { Recorder } from "../../audit/event.ts";
import type { StoreReader } from "../../audit/store/store.ts";
import { type Clock, rfc3339 } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { ApprovalEvents } from "./approval-events.ts";

/** What ended longer ago than any approval lives is on record, or was looked for at an earlier start. */
const SINCE_MS = 86_400_000;
const PAGE = 500;
const AGAIN_MS = 60_000;

/**
 * Puts on record what became of approvals and is not there: a gateway that was killed between the repository and the
 * record left it out, and what people did while none ran nobody has told. Asks the store once what it has, as soon as it
 * can be asked. Returns the function that gives up.
 */
export function recordMissing(
  home: Pick<ApprovalHome, "list">,
  deps: { recorder: Recorder & StoreReader; tenant: string; url: string; clock: Clock; log: Log },
): () => void {
  const { recorder, clock, log } = deps;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const look = async (): Promise<void> => {
    const settled = await settledSince(home, clock.now() - SINCE_MS);
    if (settled.length === 0 || stopped) return;
    await recorder.flush({ toStore: true });
    const known = await onRecord(settled, deps);
    const events = new ApprovalEvents(deps.url);
    for (const approval of settled) {
      // A use is the exchange's to record; that it was approved before is not.
      const event = events.of(approval.state === "consumed" ? { ...approval, state: "approved" } : approval);
      if (event === undefined || known.has(`${approval.name} ${event.kind}`) || stopped) continue;
      log.info("what became of an approval was not on record", { approval: approval.name, kind: event.kind });
      recorder.record(event);
    }
  };
  const start = (): void => {
    look().catch((error: unknown) => {
      if (stopped) return;
      log.warn("the record was not compared with the approvals repository; it is tried again", { error });
      timer = setTimeout(start, AGAIN_MS).unref();
    });
  };
  start();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

async function settledSince(home: Pick<ApprovalHome, "list">, since: number): Promise<Approval[]> {
  const found: Approval[] = [];
  for (let next: string | undefined = ""; next !== undefined; ) {
    const page = await home.list({ limit: PAGE, ...(next === "" ? {} : { continue: next }) });
    found.push(...page.items.filter(({ state, settledAt = 0 }) => state !== "pending" && settledAt >= since));
    next = page.items.every(({ openedAt }) => openedAt < since) ? undefined : page.continue;
  }
  return found;
}

/** `<approval> <kind>` of what the store has of these. */
async function onRecord(
  approvals: readonly Approval[],
  { recorder, tenant }: { recorder: StoreReader; tenant: string },
): Promise<Set<string>> {
  const first = Math.min(...approvals.map(({ openedAt }) => openedAt));
  const rows = await recorder.query<{ approval_id: string; kind: string }>(
    `SELECT DISTINCT approval_id, kind FROM events
     WHERE tenant = {tenant:String} AND at >= parseDateTime64BestEffort({since:String}, 6) AND approval_id != ''
       AND (kind LIKE 'approval.%' OR kind LIKE 'break_glass.%')`,
    { tenant, since: rfc3339(first) },
  );
  return new Set(rows.map(({ approval_id, kind }) => `${approval_id} ${kind}`));
}
