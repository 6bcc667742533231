import type { Recorder } from "../../audit/event.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { type WatchedPolicy, watchPolicy } from "../../engine/watch.ts";

/** Sessions are of people; what the gateway does by itself is on record under this one. */
export const GATEWAY_SESSION = "gateway";

/** Loads the policy, watches its files, and puts on record what was loaded and what was rejected. */
export function openPolicy(
  config: GatewayConfig,
  deps: { recorder: Recorder; log: Log; opa?: string },
): Promise<WatchedPolicy> {
  const { recorder, log, opa } = deps;
  const { policy, keys } = config;
  return watchPolicy({
    source: {
      bundle: policy.bundle,
      rules: policy.rules,
      verify: policy.verify,
      publicKeyFiles: keys.bundlePublicFile ?? [],
    },
    guardrailsFile: policy.guardrails,
    ...(opa === undefined ? {} : { opa }),
    log,
    onLoaded: ({ revision, digest }) =>
      recorder.record({
        kind: "policy.loaded",
        session_id: GATEWAY_SESSION,
        at_ms: Date.now(),
        revision: `${revision.bundle}/${revision.guardrails}`,
        payload: { bundle: revision.bundle, guardrails: revision.guardrails, digest: digest ?? "" },
      }),
    onRejected: (error) =>
      recorder.record({
        kind: "policy.rejected",
        session_id: GATEWAY_SESSION,
        at_ms: Date.now(),
        payload: { reason: errorMessage(error).slice(0, 4000) },
      }),
  });
}
