import { statSync } from "node:fs";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import type { Log } from "../../base/log.ts";
import { isGitUrl } from "../../base/loopback.ts";
import { openGateway } from "./gateway.ts";
import { giveBackMemory } from "./give-back-memory.ts";

/** Serves until SIGTERM or SIGINT, then drains; a second signal ends at once. */
export async function serve(config: GatewayConfig, log: Log): Promise<void> {
  const stop = Promise.withResolvers<string>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.resolve(signal));
  const bundles = [config.policy.bundle, config.policy.shadow?.bundle];
  const opa = bundles.some(mayBeSources) ? await findOpa() : undefined;
  const gateway = await openGateway(config, { log, ...(opa === undefined ? {} : { opa }) });
  const stopGivingBack = giveBackMemory();
  log.info("serving", { url: gateway.url, port: gateway.port, adminPort: gateway.adminPort });
  const signal = await stop.promise;
  for (const again of ["SIGTERM", "SIGINT"] as const) process.once(again, () => process.exit(1));
  log.info("draining", { signal });
  stopGivingBack();
  await gateway.close();
  log.info("stopped");
}

function mayBeSources(path: string | undefined): boolean {
  if (path === undefined) return false;
  if (isGitUrl(path)) return true;
  try {
    return statSync(path).isDirectory();
  } catch {
    // Loading it says what is wrong with it; a candidate's folder may come later.
    return !path.includes("://") && !path.endsWith(".gz");
  }
}

/** Only sources need opa: a built bundle is served without. */
async function findOpa(): Promise<string> {
  const { ensureTool } = await import("../../tools/ensure.ts");
  return ensureTool("opa");
}
