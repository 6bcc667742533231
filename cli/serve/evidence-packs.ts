import { setTimeout as sleep } from "node:timers/promises";
import type { EventRow, Recorder } from "../../audit/event.ts";
import type { CheckpointMaker } from "../../audit/evidence/checkpoint.ts";
import { openSigner } from "../../audit/evidence/signer.ts";
import type { PackSigner } from "../../audit/export/pack-note.ts";
import { openSubjectKeys } from "../../audit/personal/open-keys.ts";
import { revealRow } from "../../audit/personal/personal.ts";
import type { GatewayConfig } from "../../base/config/gateway.ts";

/** A store that is away or slow keeps nobody from what is in it already. */
const SETTLE_MS = 10_000;

/** Who signs evidence packs: the key of checkpoints, or nobody where the configuration names none. */
export function packSigner({ keys, audit }: Pick<GatewayConfig, "keys" | "audit">): PackSigner | undefined {
  const keyFile = keys.checkpointFile?.[0];
  return keyFile === undefined ? undefined : openSigner({ keyFile, command: audit.checkpoints.command });
}

/** Shows what is sealed in a row, as far as this host has the keys of persons; nothing to show where nothing is sealed. */
export function rowRevealer({ audit }: Pick<GatewayConfig, "audit">): ((row: EventRow) => EventRow) | undefined {
  const keys = openSubjectKeys(audit.personal);
  return keys === undefined ? undefined : (row) => revealRow(row, keys);
}

/**
 * Signs where each chain stands, and waits until that is in the store, so that a pack has proofs of what it holds. One at
 * a time, and whoever asks meanwhile shares the next: each is an event, a signature and a line for every witness.
 */
export function settleRecord(recorder: Pick<Recorder & CheckpointMaker, "flush" | "checkpoint">): () => Promise<void> {
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  const run = (): Promise<void> => {
    const one = settle(recorder).finally(() => {
      running = undefined;
    });
    running = one;
    return one;
  };
  return () => {
    if (next !== undefined) return next;
    if (running === undefined) return run();
    const begin = (): Promise<void> => {
      next = undefined;
      return run();
    };
    next = running.then(begin, begin);
    return next;
  };
}

async function settle(recorder: Pick<Recorder & CheckpointMaker, "flush" | "checkpoint">): Promise<void> {
  await recorder.checkpoint();
  const late = new AbortController();
  const waited = sleep(SETTLE_MS, undefined, { signal: late.signal }).catch(() => {});
  try {
    await Promise.race([recorder.flush({ toStore: true }), waited]);
  } finally {
    late.abort();
  }
}
