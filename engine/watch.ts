import { type Guardrails, guardrailsSchema } from "../base/config/guardrails.ts";
import { readYaml } from "../base/config/read.ts";
import { errorMessage, UserError } from "../base/errors.ts";
import { type Log, silentLog } from "../base/log.ts";
import type { Bundle } from "./bundle/bundle.ts";
import type { PolicySource } from "./bundle/load.ts";
import { admit, remember } from "./bundle/newest.ts";
import { type BundleSource, localSource, type Offer } from "./bundle/source.ts";
import type { Policy } from "./decision.ts";
import { createPolicy, type PolicyOptions } from "./policy.ts";
import { PolicyHolder, type PolicyPart } from "./policy-holder.ts";
import { fingerprint, watchFiles } from "./watch-files.ts";

export interface WatchedPolicyOptions extends Pick<PolicyOptions, "podTemplateResources" | "worker" | "inlineBytes"> {
  /** Where bundles come from: files of this machine, or a source of its own. */
  source: PolicySource | BundleSource;
  /** `policy.guardrails` of the configuration. */
  guardrailsFile: string;
  /** Folder that holds which bundle was the newest; nothing is refused as older where absent. */
  state?: string;
  /** Path of the opa binary; needed where the bundle is a folder of sources. */
  opa?: string;
  log?: Log;
  debounceMs?: number;
  pollMs?: number;
  /** Once for the first policy and once for each swap. */
  onLoaded?: (policy: Policy, bundle: Bundle) => void;
  /** A change that is not in force, once for each reason: its own words say which file and why. */
  onRejected?: (error: unknown) => void;
}

/** What a policy was made of. */
export interface Served {
  bundle: Bundle;
  guardrails: Guardrails;
}

export interface WatchedPolicy {
  readonly holder: PolicyHolder;
  /** The bundle and the guardrails in force. */
  readonly served: Served;
  /** Looks at what is there now; resolves when what changed is in force or rejected. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Loads the policy and its guardrails, and puts changes in force with no restart: sources are compiled again
 * (in a child process), guardrails only instantiated. Each is loaded, tried and swapped, or rejected with the
 * old one left serving. Throws what is wrong with the first ones, where no earlier one was kept.
 */
export async function watchPolicy(options: WatchedPolicyOptions): Promise<WatchedPolicy> {
  const log = options.log ?? silentLog;
  const { debounceMs, pollMs, opa, state, guardrailsFile } = options;
  const source =
    "take" in options.source ? options.source : localSource(options.source, { opa, debounceMs, pollMs, log });
  const loadGuardrails = (): Guardrails => readYaml(guardrailsFile, guardrailsSchema);
  const make = (bundle: Bundle, guardrails: Guardrails): Promise<Policy> =>
    createPolicy({ ...options, bundle, guardrails, log });

  let seenGuardrails = await fingerprint([guardrailsFile]);
  const first = await start(loadGuardrails());
  let served = first.served;
  const holder = new PolicyHolder(first.policy);
  loaded(holder.current);
  if (first.instead !== undefined) rejected(first.instead, "bundle");

  /** The first policy, or the one that was in force when the gateway last ran; with it what is wrong with the first. */
  async function start(guardrails: Guardrails): Promise<{ policy: Policy; served: Served; instead?: unknown }> {
    const from = async (offer: Offer): Promise<{ policy: Policy; served: Served }> => {
      await admit(offer, state);
      const policy = await make(offer.bundle, guardrails);
      await remember(offer, state, log);
      return { policy, served: { bundle: offer.bundle, guardrails } };
    };
    try {
      return await from(await source.first());
    } catch (error) {
      const kept = await source.lastGood?.();
      if (kept === undefined) throw source.lastGood === undefined ? error : nothingKept(error);
      const known = await from(kept);
      log.warn("the policy that was in force before serves, since the one at its source does not", {
        source: source.name,
        error: errorMessage(error),
      });
      return { ...known, instead: error };
    }
  }

  function loaded(policy: Policy): void {
    holder.serial = served.bundle.serial;
    log.info("policy loaded", { revision: `${policy.revision.bundle}/${policy.revision.guardrails}` });
    options.onLoaded?.(policy, served.bundle);
  }

  function rejected(error: unknown, part: PolicyPart): void {
    // A server that is down for a day is one event, not one for each poll.
    if (!holder.reject(error, part)) return;
    log.error("policy rejected; the one before goes on serving", { error: errorMessage(error) });
    options.onRejected?.(error);
  }

  async function trying<T>(part: PolicyPart, work: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      rejected(error, part);
      return undefined;
    }
  }

  /** Refused as older than the newest: asked again at each look, since an operator may lower the mark. */
  let older: Offer | undefined;

  async function admitted(): Promise<Offer | undefined> {
    const fresh = await source.take();
    if (fresh !== undefined) {
      older = fresh;
      await admit(fresh, state);
    } else if (older === undefined || !(await admissible(older))) return undefined;
    const offer = older;
    older = undefined;
    return offer;
  }

  /** What was said of it once is not said, or counted, at each look. */
  function admissible(offer: Offer): Promise<boolean> {
    return admit(offer, state).then(
      () => true,
      () => false,
    );
  }

  /** Guardrails that fail with this bundle may be right for the next one. */
  let failing: Guardrails | undefined;

  async function changedGuardrails(): Promise<Guardrails | undefined> {
    const now = await fingerprint([guardrailsFile]);
    if (now === seenGuardrails) return undefined;
    seenGuardrails = now;
    failing = undefined;
    return loadGuardrails();
  }

  async function put(offer: Offer | undefined, guardrails: Guardrails | undefined): Promise<void> {
    const next = { bundle: offer?.bundle ?? served.bundle, guardrails: guardrails ?? served.guardrails };
    const policy = await make(next.bundle, next.guardrails);
    // Before it decides anything: what a crash forgets could be gone back to.
    if (offer !== undefined) await remember(offer, state, log);
    served = next;
    if (guardrails !== undefined) failing = undefined;
    holder.swap(policy);
    if (offer !== undefined) holder.settle("bundle");
    if (guardrails !== undefined) holder.settle("guardrails");
    loaded(policy);
  }

  /** Whether all that the source had is in force. */
  async function look(): Promise<boolean> {
    let ok = true;
    const offer = await admitted().catch((error: unknown) => {
      ok = false;
      rejected(error, "bundle");
      return undefined;
    });
    const guardrails = (await trying("guardrails", changedGuardrails)) ?? (offer === undefined ? undefined : failing);
    if (offer === undefined && guardrails === undefined) return ok;
    if (offer !== undefined && guardrails !== undefined) {
      // A rule and the guardrails that name it are often saved together.
      const both = await put(offer, guardrails).then(
        () => true,
        () => false,
      );
      if (both) return true;
    }
    if (offer !== undefined) ok = (await trying("bundle", () => put(offer, undefined).then(() => true))) ?? false;
    if (guardrails !== undefined) {
      failing = guardrails;
      await trying("guardrails", () => put(undefined, guardrails));
    }
    return ok;
  }

  let closed = false;
  let running: Promise<boolean> = Promise.resolve(true);
  const queued = (): Promise<boolean> => {
    running = running
      .then(() => (closed ? true : look()))
      .catch((error: unknown) => {
        rejected(error, "bundle");
        return false;
      });
    return running;
  };
  const watched = source.watch(
    async (unchanged) => {
      if (unchanged === "unchanged") older = undefined;
      const ok = await queued();
      // Of a file that was rejected and is the same still, nothing is settled.
      if (unchanged === "unchanged" || (ok && !holder.rejects("bundle"))) holder.settle("bundle");
      return ok;
    },
    (error) => rejected(error, "bundle"),
  );
  const files = watchFiles([{ path: guardrailsFile, folder: false }], () => void queued(), {
    debounceMs: debounceMs ?? 100,
    pollMs: pollMs ?? 2000,
    onError: (error) => log.warn("the guardrails are polled, since they cannot be watched", { error }),
  });
  return {
    holder,
    get served() {
      return served;
    },
    async reload() {
      await queued();
    },
    async close() {
      closed = true;
      files.close();
      await watched.close();
      await running;
    },
  };
}

/** A start without a policy would let everything through, or nothing. */
function nothingKept(error: unknown): UserError {
  return new UserError(
    `${errorMessage(error)}; and no policy was kept from an earlier start, so there is none to serve with`,
    {
      exitCode: error instanceof UserError ? error.exitCode : 3,
      ...(error instanceof UserError && error.next !== undefined ? { next: error.next } : {}),
      cause: error,
    },
  );
}
