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

/** Signs where each chain stands, and waits until that is in the store, so that a pack has proofs of what it holds. */
export function settleRecord(recorder: Pick<Recorder, "flush"> & CheckpointMaker): () => Promise<void> {
  return async () => {
    await recorder.checkpoint();
    const late = new AbortController();
    const waited = sleep(SETTLE_MS, undefined, { signal: late.signal }).catch(() => {});
    await Promise.race([recorder.flush({ toStore: true }), waited]);
    late.abort();
  };
}
