import type { EventRow } from "../../audit/event.ts";
import { storedEvents } from "../../audit/event-pages.ts";
import type { Period } from "../../audit/period.ts";
import { readApiAudit, reconcile } from "../../audit/reconcile.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { ChainCheck } from "../../audit/verify-chain.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import type { Answer } from "../action.ts";
import { parseWhen } from "../evidence/source.ts";
import { withProgress } from "../progress.ts";
import { printable } from "../style.ts";

/** An exchange that began before a period may end in it, and the two clocks differ. */
const MARGIN_MS = 3_600_000;

/**
 * Joins our record with the API server's own, both ways; exit 1 where they differ. An event that the join can do
 * without, an intent whose outcome is there say, is missed by the chain. Of a period, what either side has within it.
 */
export async function reconcileFiles(options: {
  apiAudit: string;
  config: string;
  gatewayUser: string[];
  since?: string;
  until?: string;
}): Promise<Answer> {
  const config = loadGatewayConfig(options.config);
  const period = periodOf(options);
  const chains = new ChainCheck({ midway: period !== undefined });
  const store = await openStoreReader(config.audit.store);
  const events = async function* (): AsyncGenerator<EventRow> {
    for await (const row of storedEvents(store, config.tenant, widened(period))) {
      chains.take(row);
      yield row;
    }
  };
  try {
    const found = await withProgress("comparing the records", () =>
      reconcile(events(), readApiAudit(options.apiAudit), { gatewayUsers: options.gatewayUser, period }),
    );
    const chain = chains.verdict();
    const agree = found.whole && chain.ok;
    const lines = [
      `${found.inBoth.length} requests are in both records`,
      ...found.missingInOurs.map(
        (entry) =>
          `around the gateway: ${entry.verb} ${entry.requestURI} by ${entry.user} at ${entry.at} (${entry.auditID})`,
      ),
      ...found.missingInTheirs.map(
        (event) =>
          `not at the API server: ${event.kind} ${event.verb} ${event.path} at ${event.at} (${event.exchange_id})`,
      ),
      ...found.duplicated.map((one) => `more than once: ${one.exchange_id} (${one.ours} with us, ${one.theirs} there)`),
      ...(chain.ok ? [] : [`the chain of session ${chain.at.session_id} is broken: ${chain.why}`]),
      agree ? "the records agree" : "the records do not agree",
    ];
    return { json: { ...found, chain }, text: lines.map(printable).join("\n"), exitCode: agree ? 0 : 1 };
  } finally {
    await store.close();
  }
}

function periodOf({ since, until }: { since?: string; until?: string }): Period | undefined {
  if (since === undefined && until === undefined) return undefined;
  const when = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : parseWhen(text, Date.now());
  return { since: when(since), until: when(until) };
}

function widened({ since, until }: Period = {}): Period {
  return {
    since: since === undefined ? undefined : since - MARGIN_MS,
    until: until === undefined ? undefined : until + MARGIN_MS,
  };
}
