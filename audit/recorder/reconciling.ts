import type { KeyObject } from "node:crypto";
import { errorMessage } from "../../base/errors.ts";
import type { EvidenceStatus } from "../evidence/checkpoint.ts";
import { FormerChains } from "../evidence/former-chains.ts";
import { Reconciler } from "../evidence/reconciler.ts";
import type { ExpiredChains } from "../store/retention.ts";
import type { StoreReader } from "../store/store.ts";
import type { Chains } from "./chain.ts";
import type { FromWorker } from "./messages.ts";

const EVERY_MS = 60_000;

type Reconciled = NonNullable<EvidenceStatus["reconciled"]>;

/**
 * Every minute: does the store answer what was recorded? What differs is an error in the log, said again only when it
 * changes, and a metric. Of the chains of other processes some are looked at each time. Chains whose time was over are not asked for once they are forgotten.
 */
export function startReconciling(worker: {
  tenant: string;
  chains: Chains;
  store: StoreReader;
  /** Keys that signed, or none: then nothing tells what other processes' chains should be. */
  keys: readonly KeyObject[];
  shipper: { drain(): Promise<void> };
  send(message: FromWorker): void;
}): { stop(): void; forget(said: ExpiredChains): void } {
  const { chains, store, shipper, send } = worker;
  const reconciler = new Reconciler(store, worker.tenant);
  const former = worker.keys.length === 0 ? undefined : new FormerChains(store, worker.tenant, worker.keys);
  /** Sessions of this process's own chains: `recorder` has one of each process before. */
  const forgotten = new Set<string>();
  let said = "";
  let under: Promise<Reconciled> | undefined;

  async function once(): Promise<Reconciled> {
    const heads = chains.all().filter(({ session_id }) => !forgotten.has(session_id));
    await shipper.drain();
    const own = await reconciler.round(heads);
    const others = (await former?.round(chains.writers)) ?? { chains: 0, events: 0, differences: [] };
    const differences = [...own.differences, ...others.differences];
    const reconciled = {
      at: Date.now(),
      chains: own.chains + others.chains,
      events: own.events + others.events,
      differences: differences.length,
    };
    send({ type: "evidence", status: { reconciled } });
    const now = JSON.stringify(differences);
    if (differences.length > 0 && now !== said) {
      const [first] = differences;
      const fields = {
        differences: differences.length,
        ...first,
        next: "Run sallyport audit verify on the stopped gateway.",
      };
      send({ type: "log", level: "error", message: "the store does not answer what was recorded", fields });
    } else if (differences.length === 0 && said !== "" && said !== "[]") {
      send({ type: "log", level: "info", message: "the store answers what was recorded again", fields: {} });
    }
    said = now;
    return reconciled;
  }

  const round = (): Promise<Reconciled> => {
    // A store that is away keeps a round waiting, which then stands for all that were due meanwhile.
    under ??= once().finally(() => {
      under = undefined;
    });
    return under;
  };
  const timer = setInterval(() => {
    round().catch((error: unknown) => {
      const fields = { reason: errorMessage(error) };
      send({ type: "log", level: "warn", message: "the store could not be compared with what was recorded", fields });
    });
  }, EVERY_MS);
  timer.unref();
  return {
    stop: () => clearInterval(timer),
    forget({ chains: expired, kept = [] }) {
      for (const { session_id, writer } of expired) if (writer === chains.writer) forgotten.add(session_id);
      for (const { session_id, writer } of kept) if (writer === chains.writer) forgotten.delete(session_id);
    },
  };
}
