import type { Recorder } from "../../audit/event.ts";
import { serveReaders } from "../../audit/store/readers-http.ts";
import type { QuestionReader } from "../../audit/store/store.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import type { Log } from "../../base/log.ts";

/** Serves `audit.http`, where it is configured; resolves with how to stop it. */
export async function openReadersHttp(
  { audit, tenant }: Pick<GatewayConfig, "audit" | "tenant">,
  deps: { recorder: Pick<Recorder, "recordDurably">; reader: QuestionReader; log: Log },
): Promise<() => Promise<void>> {
  if (audit.http === undefined) return async () => {};
  const { address } = audit.http;
  const server = await serveReaders({ config: audit.http, tenant, ...deps });
  deps.log.info("the record answers ClickHouse's HTTP interface, read-only", { address, port: server.port });
  return () => server.close();
}
