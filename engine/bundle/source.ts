import { statSync } from "node:fs";
import { type Log, silentLog } from "../../base/log.ts";
import { fingerprint, watchFiles } from "../watch-files.ts";
import type { Bundle } from "./bundle.ts";
import { loadPolicySource, type PolicySource } from "./load.ts";

/** A bundle that is verified and read, and not yet tried. */
export interface Offer {
  bundle: Bundle;
  /** Where it came from, for messages. */
  name: string;
  /** It must have a serial, so that an old one is known as such. */
  verified: boolean;
  /** The commit that it came from, and whether that comes after the one of the mark; of a git source. */
  commit?: { id: string; after(other: string): Promise<boolean> };
  /** Called once it is in force: a source that may be out of reach at the next start keeps it. */
  keep?(): Promise<void>;
}

export interface SourceWatch {
  close(): void | Promise<void>;
}

/** Where bundles come from. */
export interface BundleSource {
  readonly name: string;
  /** The first one. Throws what is wrong with it, or why it cannot be had. */
  first(): Promise<Offer>;
  /** What was in force when the gateway last ran, where `first` fails; verified again. */
  lastGood?(): Promise<Offer | undefined>;
  /** What is new since the last call, or undefined; throws what is wrong with it. */
  take(): Promise<Offer | undefined>;
  /**
   * Calls `look` whenever `take` may have something; it resolves to whether all that it took is in force. `unchanged`:
   * what is there is what was taken last and put in force. `failed` hears why nothing could be had.
   */
  watch(look: (unchanged?: "unchanged") => Promise<boolean>, failed: (error: unknown) => void): SourceWatch;
}

export interface LocalOptions {
  /** Path of the opa binary; needed where the bundle is a folder of sources. */
  opa?: string | undefined;
  debounceMs?: number | undefined;
  pollMs?: number | undefined;
  log?: Log | undefined;
}

/** A folder or file of this machine: looked at when it changes, and every two seconds. */
export function localSource(source: PolicySource, options: LocalOptions = {}): BundleSource {
  const paths = [source.bundle, ...source.rules];
  const log = options.log ?? silentLog;
  let seen: string | undefined;
  const load = async (): Promise<Offer> => ({
    bundle: await loadPolicySource(source, options.opa === undefined ? {} : { opa: options.opa }),
    name: source.bundle,
    verified: source.verify,
  });
  const changed = async (): Promise<boolean> => {
    const now = await fingerprint(paths);
    if (now === seen) return false;
    seen = now;
    return true;
  };
  return {
    name: source.bundle,
    async first() {
      // Before loading, so that a change made meanwhile is seen as one.
      await changed();
      return load();
    },
    async take() {
      return (await changed()) ? load() : undefined;
    },
    watch(look) {
      const folders = paths.map((path) => ({ path, folder: statSync(path).isDirectory() }));
      return watchFiles(folders, () => void look(), {
        debounceMs: options.debounceMs ?? 100,
        pollMs: options.pollMs ?? 2000,
        onError: (error) => log.warn("files of the policy are polled, since they cannot be watched", { error }),
      });
    },
  };
}
