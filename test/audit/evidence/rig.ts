import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EventRow, Recorder } from "../../../audit/event.ts";
import { type Checkpoint, type CheckpointMaker, parseCheckpoint } from "../../../audit/evidence/checkpoint.ts";
import { openRecorder, type RecorderOptions } from "../../../audit/recorder/recorder.ts";
import type { StoreReader } from "../../../audit/store/store.ts";
import { newStore } from "../../new-store.ts";
import { cleanup, recorderOptions } from "../rig.ts";

/** A key in `folder`, as an operator makes it. */
export function checkpointKey(
  folder: string,
  name = "checkpoint",
): { keyFile: string; publicFile: string; publicKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const keyFile = join(folder, `${name}.pem`);
  const publicFile = join(folder, `${name}.pub`);
  writeFileSync(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(publicFile, publicKey.export({ type: "spki", format: "pem" }));
  return { keyFile, publicFile, publicKey };
}

/** A recorder that signs; checkpoints are made when asked for, and once it is closed. */
export async function signing(
  folder: string,
  checkpointKey: string,
  over: Partial<RecorderOptions> = {},
): Promise<Recorder & StoreReader & CheckpointMaker> {
  await newStore(join(folder, "store"));
  const opened = await openRecorder({
    ...recorderOptions(folder),
    checkpointKey,
    checkpoints: { everySeconds: 3600, to: [{ file: join(folder, "witness") }] },
    ...over,
  });
  cleanup(() => opened.close().catch(() => {})); // closed twice is closed
  return opened;
}

export const checkpointsOf = (rows: readonly EventRow[]): Checkpoint[] =>
  rows.filter(({ kind }) => kind === "checkpoint").map(({ payload }) => parseCheckpoint(payload));
