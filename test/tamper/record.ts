import { spawnSync } from "node:child_process";
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EventRow } from "../../audit/event.ts";
import { openRecorder, type RecorderOptions } from "../../audit/recorder/recorder.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";

/** A record as a process left it, or three on one spool, of which the second was killed. */
export interface SignedRecord {
  tenant: string;
  store: string;
  keyFile: string;
  publicFile: string;
  witness: string;
  publicKey: KeyObject;
  /** What the gateway signs packs with; the editor has none of it. */
  sign(bytes: Buffer): Promise<Buffer>;
}

export type Rows = EventRow[];
export type Bodies = Map<string, Buffer>;

const SESSIONS = ["s-ada", "s-bob", "s-cy", "s-dee", "s-eve"];

/** Records 70 events a process with contents, and signs them in four checkpoints a process. */
export async function makeRecord(folder: string, options: { processes: 1 | 3 }): Promise<SignedRecord> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const at = (name: string): string => join(folder, name);
  writeFileSync(at("key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  writeFileSync(at("key.pub"), publicKey.export({ type: "spki", format: "pem" }));
  const recorder: Omit<RecorderOptions, "log" | "clock"> = {
    tenant: "default",
    spool: { path: at("spool"), maxBytes: 1_073_741_824, onFull: "refuse" },
    store: { embedded: at("store") },
    checkpointKey: at("key.pem"),
    checkpoints: { everySeconds: 3600, to: [{ file: at("witness") }] },
  };
  await recordSome(recorder, 0);
  if (options.processes === 3) {
    killedProcess(recorder);
    await recordSome(recorder, 1000);
  }
  return {
    tenant: "default",
    store: at("store"),
    keyFile: at("key.pem"),
    publicFile: at("key.pub"),
    witness: at("witness"),
    publicKey,
    sign: async (bytes) => sign(null, bytes, privateKey),
  };
}

async function recordSome(options: Omit<RecorderOptions, "log" | "clock">, from: number): Promise<void> {
  const recorder = await openRecorder({ ...options, log: silentLog, clock: systemClock });
  for (let n = 0; n < 70; n++) {
    recorder.record({
      kind: n % 2 === 0 ? "request.intent" : "request.outcome",
      session_id: SESSIONS[((n * 7) % 11) % SESSIONS.length] ?? "s-ada",
      at_ms: Date.now(),
      exchange_id: `00000000-0000-7000-8000-${String(from + n).padStart(12, "0")}`,
      username: "corp:alice@example.com",
      groups: ["corp:devs"],
      connection: "prod",
      verb: "patch",
      resource: "deployments",
      namespace: "a",
      name: `web-${n}`,
      path: `/apis/apps/v1/namespaces/a/deployments/web-${n}`,
      status: 200,
      effect: "allow",
      request_content: Buffer.from(`{"spec":{"replicas":${from + n}}}`),
      payload: { decisionId: `d-${from + n}`, forwarded: true },
    });
    if (n % 25 === 24) await recorder.checkpoint();
  }
  // What a process before left unsigned is signed once the store has it.
  await recorder.flush({ toStore: true });
  await recorder.checkpoint();
  await recorder.close();
}

function killedProcess(options: Omit<RecorderOptions, "log" | "clock">): void {
  const script = `
    const { openRecorder } = await import(${JSON.stringify(new URL("../../audit/recorder/recorder.ts", import.meta.url).href)});
    const log = { info() {}, warn() {}, error() {}, debug() {} };
    const recorder = await openRecorder({ ...JSON.parse(process.argv[1]), log, clock: { now: Date.now } });
    for (let n = 0; n < 8; n++) {
      await recorder.recordDurably({ kind: "request.intent", session_id: "s-" + ["ada", "kim"][n % 2], at_ms: Date.now() });
      if (n === 4) await recorder.checkpoint();
    }
    await recorder.flush({ toStore: true });
    process.kill(process.pid, "SIGKILL");`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", script, JSON.stringify(options)], {
    encoding: "utf8",
  });
  if (child.signal !== "SIGKILL") throw new Error(`the process that was to be killed ended by itself: ${child.stderr}`);
}
