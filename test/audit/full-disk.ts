import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { EventDraft, EventRow } from "../../audit/event.ts";
import { openRecorder, type RecorderOptions } from "../../audit/recorder/recorder.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";

/** Fills the file system that holds the spool, records, makes room, records on; prints what came of it. */
const options = JSON.parse(process.argv[2] ?? "{}") as RecorderOptions;
const recorder = await openRecorder({ ...options, log: silentLog, clock: systemClock });
const event = (name: string): EventDraft => ({ kind: "request.intent", session_id: "s", at_ms: Date.now(), name });
await recorder.recordDurably(event("before"));
await recorder.flush({ toStore: true });

const ballast = `${options.spool.path}/ballast`;
for (let size = 4096, full = false; !full; size += 4096) {
  try {
    writeFileSync(ballast, Buffer.alloc(size), { flag: "w" });
  } catch {
    full = true;
  }
}
const refused = { ...event("refused"), request_content: randomBytes(20_000) };
const code = await recorder.recordDurably(refused).then(
  () => "resolved",
  (error: { code: string }) => error.code,
);
const failure = recorder.failure();
recorder.record(event("queued"));
rmSync(ballast);
while (recorder.failure() !== undefined) await sleep(20);
await recorder.recordDurably(event("after"));
await recorder.flush({ toStore: true });
const rows = await recorder.query<EventRow>("SELECT * FROM events ORDER BY session_id, writer, seq");
process.stdout.write(JSON.stringify({ code, failure, names: rows.map(({ name }) => name), chain: verifyChain(rows) }));
await recorder.close();
