import { eventsWithin } from "../../audit/queries.ts";
import { readApiAudit, reconcile } from "../../audit/reconcile.ts";
import { openStoreReader } from "../../audit/store/open.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { loadGatewayConfig } from "../../base/config/gateway.ts";
import type { Answer } from "../action.ts";
import { printable } from "../style.ts";

/**
 * Joins our record with the API server's own, both ways; exit 1 where they differ. An event that the join can do
 * without, an intent whose outcome is there say, is missed by the chain.
 */
export async function reconcileFiles(options: {
  apiAudit: string;
  config: string;
  gatewayUser: string[];
}): Promise<Answer> {
  const config = loadGatewayConfig(options.config);
  const store = await openStoreReader(config.audit.store);
  try {
    const events = await eventsWithin(store, config.tenant);
    const found = await reconcile(events, readApiAudit(options.apiAudit), { gatewayUsers: options.gatewayUser });
    const chain = verifyChain(events);
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
