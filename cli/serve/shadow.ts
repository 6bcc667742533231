import { join } from "node:path";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { BundleSource, Offer } from "../../engine/bundle/source.ts";
import { Shadow } from "../../engine/shadow.ts";
import { EvaluationWorker } from "../../engine/wasm/evaluation-worker.ts";
import { type WatchedPolicy, watchPolicy } from "../../engine/watch.ts";
import { openBundleSource } from "./bundles/open-source.ts";

export interface OpenShadow {
  shadow: Shadow;
  close(): Promise<void>;
}

const RETRY_MS = 15_000;

/**
 * Opens the candidate of `policy.shadow`: its own bundle or the one in force, with its own guardrails or those in
 * force. Both are watched as the policy's own are. One that does not load is a warning, and is tried again.
 */
export function openShadow(
  config: GatewayConfig,
  live: WatchedPolicy,
  options: { log: Log; opa?: string | undefined; retryMs?: number },
): OpenShadow | undefined {
  const { shadow: named, guardrails } = config.policy;
  if (named === undefined) return undefined;
  const log = warning(options.log);
  const worker = new EvaluationWorker();
  let candidate: WatchedPolicy | undefined;
  let rejected: string | undefined;
  let closed = false;
  let retry: NodeJS.Timeout | undefined;

  async function load(): Promise<void> {
    const location = { bundle: named?.bundle ?? "", rules: [] };
    const source = named?.bundle === undefined ? liveBundle(live) : openBundleSource(location, apart(config), options);
    try {
      const watched = await watchPolicy({
        source,
        guardrailsFile: named?.guardrails ?? guardrails,
        log,
        worker,
        // In its own thread, whatever the size: it may be slow, or never end.
        inlineBytes: 0,
      });
      if (closed) await watched.close();
      else candidate = watched;
      rejected = undefined;
    } catch (error) {
      const reason = errorMessage(error);
      if (reason !== rejected) log.warn("the candidate does not load, and nothing is asked of it", { error: reason });
      rejected = reason;
      if (closed) return;
      retry = setTimeout(() => void load(), options.retryMs ?? RETRY_MS);
      retry.unref();
    }
  }

  const loading = load();
  const shadow = new Shadow(() => candidate?.holder.current, worker);
  live.holder.shadow = () => ({
    ...(candidate?.holder.status() ?? {}),
    ...(rejected === undefined ? {} : { rejected: { reason: rejected } }),
    counts: { ...shadow.counts },
  });
  return {
    shadow,
    async close() {
      closed = true;
      clearTimeout(retry);
      await loading;
      await candidate?.close();
      await worker.close();
    },
  };
}

/** A candidate's bundle is kept apart: what is in force, and which was the newest, is none of its business. */
function apart(config: GatewayConfig): GatewayConfig {
  const state = join(config.policy.state ?? join(config.audit.spool.path, "policy"), "shadow");
  return { ...config, policy: { ...config.policy, state } };
}

/** The bundle in force, as a source: a candidate of guardrails alone follows it. */
function liveBundle(live: WatchedPolicy): BundleSource {
  const offer = (): Offer => ({ bundle: live.served.bundle, name: "the bundle in force", verified: false });
  let taken = live.served.bundle;
  return {
    name: "the bundle in force",
    async first() {
      return offer();
    },
    async take() {
      if (live.served.bundle === taken) return undefined;
      taken = live.served.bundle;
      return offer();
    },
    watch(look) {
      return { close: live.holder.onSwap(() => void look()) };
    },
  };
}

/** What goes wrong with a candidate harms nobody. */
function warning(log: Log): Log {
  const said = (message: string): string => `shadow: ${message}`;
  return {
    debug: (message, fields) => log.debug(said(message), fields),
    info: (message, fields) => log.info(said(message), fields),
    warn: (message, fields) => log.warn(said(message), fields),
    error: (message, fields) => log.warn(said(message), fields),
  };
}
