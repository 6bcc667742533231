import { join } from "node:path";
import type { GatewayConfig, PolicyConfig } from "../../../base/config/gateway.ts";
import type { Log } from "../../../base/log.ts";
import { isGitUrl } from "../../../base/loopback.ts";
import { type BundleSource, localSource } from "../../../engine/bundle/source.ts";
import { gitSource } from "./git-source.ts";
import { httpSource } from "./http-source.ts";

/** `policy.state`: beside the record where it is not named, since both must outlive the process. */
export function stateFolder(config: GatewayConfig): string {
  return config.policy.state ?? join(config.audit.spool.path, "policy");
}

/** The source of a bundle, by what the configuration says of where it is. */
export function openBundleSource(
  location: Pick<PolicyConfig, "bundle" | "rules">,
  config: GatewayConfig,
  options: { log: Log; opa?: string | undefined },
): BundleSource {
  const { bundle, rules } = location;
  const { fetch, verify } = config.policy;
  const { tokenFile, caFile, sshKeyFile, knownHostsFile, maxBytes, signed, allowedSignersFile, pgpKeysFile } = fetch;
  const common = {
    verify,
    publicKeyFiles: config.keys.bundlePublicFile ?? [],
    state: stateFolder(config),
    pollMs: fetch.pollSeconds * 1000,
    deadlineMs: fetch.deadlineSeconds * 1000,
    ...{ tokenFile, caFile, maxBytes },
  };
  if (isGitUrl(bundle)) {
    const signers = signed === undefined ? undefined : { signed, allowedSignersFile, pgpKeysFile };
    return gitSource({ ...common, location: bundle, rules, signers, sshKeyFile, knownHostsFile, opa: options.opa });
  }
  if (bundle.includes("://"))
    return httpSource({ ...common, url: bundle, longPollSeconds: fetch.longPollSeconds ?? 0 });
  return localSource({ ...common, bundle, rules }, options);
}
