import { errorMessage } from "../../base/errors.ts";
import { type ExpiredChain, type ExpiringStore, expire, type Retention } from "../store/retention.ts";

/** A restart is no reason to begin at once: a record is read whole. */
const FIRST_MS = 10 * 60_000;
const EVERY_MS = 6 * 3_600_000;

export interface ExpiryOptions {
  store: ExpiringStore;
  tenant: string;
  retention: Retention;
  /** Puts the end of chains on record, and resolves once it and all that came before (a legal hold) is in the store. */
  record(chains: ExpiredChain[]): Promise<void>;
  settle(): Promise<void>;
  log(level: "info" | "warn" | "error", message: string, fields: Record<string, unknown>): void;
}

/** Lets go of what has passed its time, four times a day. Returns how to stop it. */
export function startExpiry({ store, tenant, retention, record, settle, log }: ExpiryOptions): () => void {
  if (Object.values(retention).every((time) => time === undefined)) return () => {};
  let timer = setTimeout(run, FIRST_MS);
  timer.unref();
  let stopped = false;
  async function run(): Promise<void> {
    try {
      await settle();
      const { chains, contents } = await expire(store, tenant, retention, Date.now(), record);
      if (chains + contents > 0)
        log("info", "what had passed its time was let go (audit.retention)", { chains, contents });
    } catch (error) {
      log("warn", "what has passed its time is still there: audit.retention is tried again", {
        reason: errorMessage(error),
      });
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
