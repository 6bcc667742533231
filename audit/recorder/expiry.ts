import type { KeyObject } from "node:crypto";
import { errorMessage } from "../../base/errors.ts";
import { checkedChains } from "../evidence/expiring.ts";
import { type ExpiringStore, type Expiry, expire, type Retention, type SpareContents } from "../store/retention.ts";
import type { Contents } from "./contents.ts";
import type { Shipper } from "./shipper.ts";

/** A restart is no reason to begin at once: a record is read whole. */
const FIRST_MS = 10 * 60_000;
const EVERY_MS = 6 * 3_600_000;

export interface ExpiryOptions {
  store: ExpiringStore;
  tenant: string;
  retention: Retention;
  record: Expiry["record"];
  /** Keys that signed, newest first; where there are none, chains go unchecked. */
  keys: readonly KeyObject[];
  settle(): Promise<void>;
  contents: Contents;
  shipper: Pick<Shipper, "exclusively">;
  log(level: "info" | "warn" | "error", message: string, fields: Record<string, unknown>): void;
  firstMs?: number | undefined;
}

/** Lets go of what has passed its time, four times a day. Returns how to stop it. */
export function startExpiry(options: ExpiryOptions): () => void {
  const { store, tenant, retention, record, keys, settle, contents: kept, log, firstMs = FIRST_MS } = options;
  if (Object.values(retention).every((time) => time === undefined)) return () => {};
  let timer = setTimeout(run, firstMs);
  timer.unref();
  let stopped = false;
  async function check(found: Parameters<NonNullable<Expiry["check"]>>[0]): ReturnType<NonNullable<Expiry["check"]>> {
    const { whole, findings } = await checkedChains(store, tenant, keys, found);
    const [first] = findings.list;
    if (first !== undefined)
      log("error", "what has passed its time is not what was recorded: it stays", {
        chains: found.length - whole.length,
        ...first,
        next: "Run sallyport audit verify on the stopped gateway.",
      });
    return whole;
  }
  async function run(): Promise<void> {
    try {
      kept.watch();
      await settle();
      const { chains, contents } = await expire(store, tenant, retention, Date.now(), {
        record,
        ...(keys.length === 0 ? {} : { check: (found) => check(found) }),
        spare: sparing(options),
      });
      if (chains + contents > 0)
        log("info", "what had passed its time was let go (audit.retention)", { chains, contents });
    } catch (error) {
      log("warn", "what has passed its time is still there: audit.retention is tried again", {
        reason: errorMessage(error),
      });
    } finally {
      kept.unwatch();
    }
    if (stopped) return;
    timer = setTimeout(run, EVERY_MS);
    timer.unref();
  }
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

/**
 * Spares what was named since the contents are watched. What is named from then on waits in the spool, and is stored
 * again once the removal is over.
 */
export function sparing({ contents, shipper }: Pick<ExpiryOptions, "contents" | "shipper">): SpareContents {
  return (digests, remove) => shipper.exclusively(() => remove(digests.filter((digest) => !contents.named(digest))));
}
