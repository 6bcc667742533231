import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import type { EventRow } from "../../audit/event.ts";
import { openRecorder, type RecorderOptions } from "../../audit/recorder/recorder.ts";
import { verifyChain } from "../../audit/verify-chain.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";

/**
 * Hands over more than the spool's file system holds, ends the recorder's thread when it has written a part, makes
 * room; prints what came of it. The store hangs meanwhile, so that no room is made by shipping.
 */
const options = JSON.parse(process.argv[2] ?? "{}") as RecorderOptions;
let worker: Worker | undefined;
process.once("worker", (started: Worker) => {
  worker = started;
});
const recorder = await openRecorder({ ...options, log: silentLog, clock: systemClock });
const event = (name: string) => ({ kind: "request.outcome", session_id: "s", at_ms: Date.now(), name }) as const;
await recorder.recordDurably(event("before"));
await recorder.flush({ toStore: true });

const ballast = `${options.spool.path}/ballast`;
writeFileSync(ballast, Buffer.alloc(900 * 1024));
const children = readdirSync("/proc/self/task")
  .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" "))
  .filter(Boolean)
  .map(Number);
for (const pid of children) process.kill(pid, "SIGSTOP");
const names = Array.from({ length: 1000 }, (_, n) => `n-${n}`);
for (const name of names) recorder.record({ ...event(name), payload: { filled: "x".repeat(600) } });
while (recorder.failure() === undefined) await sleep(5);
const failure = recorder.failure();
worker?.postMessage({ type: "nonsense" });
while (recorder.failure()?.includes("worker ended") !== true) await sleep(5);
for (const pid of children) process.kill(pid, "SIGCONT");
rmSync(ballast);
// What was handed over again may take more than the disk has at once.
for (let whole = false; !whole; await sleep(20)) {
  whole = await recorder.flush({ toStore: true }).then(
    () => true,
    () => false,
  );
}
const rows = await recorder.query<EventRow>(
  "SELECT * FROM events WHERE session_id = 's' ORDER BY session_id, writer, seq",
);
const recorded = rows.map(({ name }) => name);
const distinct = new Set(recorded);
const writers = new Set(rows.map(({ writer }) => writer));
const chains = [...writers].map((writer) => verifyChain(rows.filter((row) => row.writer === writer)).ok);
const lost = names.filter((name) => !distinct.has(name)).length;
process.stdout.write(JSON.stringify({ failure, lost, doubled: recorded.length - distinct.size, chains }));
await recorder.close();
