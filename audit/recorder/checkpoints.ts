import { CHECKPOINT_SESSION, type Leaf } from "../evidence/checkpoint.ts";
import { Checkpointer } from "../evidence/checkpointer.ts";
import { unsignedHeads } from "../evidence/orphans.ts";
import { loadPublicKeys, openSigner } from "../evidence/signer.ts";
import { readState } from "../evidence/state.ts";
import { openWitness, type WitnessLocation } from "../evidence/witness.ts";
import { WitnessQueue } from "../evidence/witness-queue.ts";
import type { StoreReader } from "../store/store.ts";
import type { Chains } from "./chain.ts";
import type { FromWorker, WireDraft, WorkerOptions } from "./messages.ts";

/** `audit.checkpoints` of the configuration. */
export interface CheckpointOptions {
  command?: readonly [string, ...string[]] | undefined;
  everySeconds: number;
  to: readonly WitnessLocation[];
}

/** How long the last checkpoint may take to reach the store and its places while the gateway ends. */
const CLOSE_MS = 5_000;

export interface Checkpoints {
  start(): void;
  make(): Promise<string>;
  synced(): void;
  writer(writer: string): void;
  close(): Promise<void>;
}

/**
 * What can fail while the gateway starts: the key, and what the processes before left. Throws a UserError. Undefined
 * where the configuration names no key.
 */
export async function prepareCheckpoints({ spool, checkpointKey, formerKeys = [], checkpoints }: WorkerOptions) {
  if (checkpointKey === undefined) return undefined;
  const { command, everySeconds, to } = { everySeconds: 60, to: [], ...checkpoints };
  return {
    signer: openSigner({ keyFile: checkpointKey, command }),
    /** Of checkpoints that were signed before this key was the one. */
    formerKeys: loadPublicKeys(formerKeys),
    state: readState(spool.path),
    places: await Promise.all(to.map(openWitness)),
    everySeconds,
  };
}

/** Wires checkpoints into the worker: `event` puts a draft on the spool, `commit` asks for it to be on disk. */
export function openCheckpoints(
  prepared: NonNullable<Awaited<ReturnType<typeof prepareCheckpoints>>>,
  worker: {
    options: WorkerOptions;
    chains: Chains;
    shipper: { drain(): Promise<void> };
    store: StoreReader;
    event(draft: WireDraft): void;
    commit(): void;
    send(message: FromWorker): void;
  },
): Checkpoints {
  const { options, chains, shipper, store, send } = worker;
  const tell = (signedAt: { signedAt?: number } = {}): void =>
    send({ type: "evidence", status: { signing: checkpointer.failing, places: witnesses.failing, ...signedAt } });
  const log = (level: "info" | "error", message: string, fields: Record<string, unknown>): void => {
    send({ type: "log", level, message, fields });
    tell();
  };
  const witnesses = new WitnessQueue(prepared.places, log);
  const checkpointer: Checkpointer = new Checkpointer({
    tenant: options.tenant,
    writer: options.writer,
    folder: options.spool.path,
    ...prepared,
    chains,
    witnesses,
    record(checkpoint): Leaf {
      const payload = { ...checkpoint };
      worker.event({ kind: "checkpoint", session_id: CHECKPOINT_SESSION, at_ms: Date.now(), payload });
      return chains.head(CHECKPOINT_SESSION);
    },
    commit: worker.commit,
    async orphans(writers) {
      await shipper.drain();
      return unsignedHeads(store, options.tenant, writers);
    },
    log,
  });
  return {
    start: () => checkpointer.start(),
    make: async () => JSON.stringify((await checkpointer.make()) ?? null),
    synced() {
      if (checkpointer.synced()) tell({ signedAt: Date.now() });
    },
    writer: (writer) => checkpointer.writer(writer),
    async close() {
      await checkpointer.close();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS);
      });
      await Promise.race([shipper.drain(), late]);
      clearTimeout(timer);
      await witnesses.close(CLOSE_MS);
    },
  };
}
