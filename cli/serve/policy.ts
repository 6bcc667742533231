import type { Recorder } from "../../audit/event.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { shownUrl } from "../../base/loopback.ts";
import { type WatchedPolicy, watchPolicy } from "../../engine/watch.ts";
import { openBundleSource, stateFolder } from "./bundles/open-source.ts";

/** Sessions are of people; what the gateway does by itself is on record under this one. */
export const GATEWAY_SESSION = "gateway";

/** Loads the policy, watches where it comes from, and puts on record what was loaded and what was rejected. */
export function openPolicy(
  config: GatewayConfig,
  deps: { recorder: Recorder; log: Log; opa?: string },
): Promise<WatchedPolicy> {
  const { recorder, log, opa } = deps;
  const { policy } = config;
  const from = shownUrl(policy.bundle);
  return watchPolicy({
    source: openBundleSource(policy, config, { log, opa }),
    guardrailsFile: policy.guardrails,
    state: stateFolder(config),
    log,
    onLoaded: ({ revision, digest }, { serial }) =>
      recorder.record({
        kind: "policy.loaded",
        session_id: GATEWAY_SESSION,
        at_ms: Date.now(),
        revision: `${revision.bundle}/${revision.guardrails}`,
        payload: {
          bundle: revision.bundle,
          guardrails: revision.guardrails,
          digest: digest ?? "",
          source: from,
          ...(serial === undefined ? {} : { serial }),
        },
      }),
    onRejected: (error) =>
      recorder.record({
        kind: "policy.rejected",
        session_id: GATEWAY_SESSION,
        at_ms: Date.now(),
        payload: { source: from, reason: errorMessage(error).slice(0, 4000) },
      }),
  });
}
