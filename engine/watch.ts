import { statSync } from "node:fs";
import { type Guardrails, guardrailsSchema } from "../base/config/guardrails.ts";
import { readYaml } from "../base/config/read.ts";
import { errorMessage } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Bundle } from "./bundle/bundle.ts";
import { loadPolicySource, type PolicySource } from "./bundle/load.ts";
import type { Policy } from "./decision.ts";
import { createPolicy, type PolicyOptions } from "./policy.ts";
import { PolicyHolder } from "./policy-holder.ts";
import { fingerprint, watchFiles } from "./watch-files.ts";

export interface WatchedPolicyOptions extends Pick<PolicyOptions, "podTemplateResources" | "worker"> {
  source: PolicySource;
  /** `policy.guardrails` of the configuration. */
  guardrailsFile: string;
  /** Path of the opa binary; needed where the bundle is a folder of sources. */
  opa?: string;
  log?: Log;
  debounceMs?: number;
  pollMs?: number;
  /** Once for the first policy and once for each swap. */
  onLoaded?: (policy: Policy) => void;
  /** A change that is not in force: its own words say which file and why. */
  onRejected?: (error: unknown) => void;
}

export interface WatchedPolicy {
  readonly holder: PolicyHolder;
  /** Looks at the files now; resolves when what changed is in force or rejected. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Loads the policy and its guardrails, and puts changes in force with no restart: sources are compiled again
 * (in a child process), guardrails only instantiated. Each is loaded, tried and swapped, or rejected with the
 * old one left serving. Throws what is wrong with the first ones.
 */
export async function watchPolicy(options: WatchedPolicyOptions): Promise<WatchedPolicy> {
  const log = options.log ?? silentLog;
  const paths = { bundle: [options.source.bundle, ...options.source.rules], guardrails: [options.guardrailsFile] };
  // Before loading, so that a change made meanwhile is seen as one.
  const seen = { bundle: await fingerprint(paths.bundle), guardrails: await fingerprint(paths.guardrails) };
  const loadBundle = (): Promise<Bundle> => loadPolicySource(options.source, { opa: options.opa });
  const loadGuardrails = (): Guardrails => readYaml(options.guardrailsFile, guardrailsSchema);
  const make = (bundle: Bundle, guardrails: Guardrails): Promise<Policy> =>
    createPolicy({ ...options, bundle, guardrails, log });

  let served = { bundle: await loadBundle(), guardrails: loadGuardrails() };
  const holder = new PolicyHolder(await make(served.bundle, served.guardrails));
  loaded(holder.current);

  function loaded(policy: Policy): void {
    log.info("policy loaded", { revision: `${policy.revision.bundle}/${policy.revision.guardrails}` });
    options.onLoaded?.(policy);
  }

  function rejected(error: unknown): void {
    holder.reject(error);
    log.error("policy rejected; the one before goes on serving", { error: errorMessage(error) });
    options.onRejected?.(error);
  }

  async function changedPart<T>(part: "bundle" | "guardrails", load: () => T | Promise<T>): Promise<T | undefined> {
    const now = await fingerprint(paths[part]);
    if (now === seen[part]) return undefined;
    seen[part] = now;
    try {
      return await load();
    } catch (error) {
      rejected(error);
      return undefined;
    }
  }

  async function reloadNow(): Promise<void> {
    const bundle = await changedPart("bundle", loadBundle);
    const guardrails = await changedPart("guardrails", loadGuardrails);
    if (bundle === undefined && guardrails === undefined) return;
    const next = { bundle: bundle ?? served.bundle, guardrails: guardrails ?? served.guardrails };
    try {
      const policy = await make(next.bundle, next.guardrails);
      served = next;
      holder.swap(policy);
      loaded(policy);
    } catch (error) {
      rejected(error);
    }
  }

  let closed = false;
  let running: Promise<void> = Promise.resolve();
  const reload = (): Promise<void> => {
    running = running.then(() => (closed ? undefined : reloadNow())).catch(rejected);
    return running;
  };
  const folders = paths.bundle.map((path) => ({ path, folder: statSync(path).isDirectory() }));
  const files = watchFiles([...folders, { path: options.guardrailsFile, folder: false }], () => void reload(), {
    debounceMs: options.debounceMs ?? 100,
    pollMs: options.pollMs ?? 2000,
    onError: (error) => log.warn("files of the policy are polled, since they cannot be watched", { error }),
  });
  return {
    holder,
    reload,
    async close() {
      closed = true;
      files.close();
      await running;
    },
  };
}
