import type { EventDraft } from "../../audit/event.ts";
import { openRecorder, type RecorderOptions } from "../../audit/recorder/recorder.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";

/**
 * A process that records durably until it is killed: it prints the number of each event once the recorder says that
 * it is on disk. Usage: child-recorder <options as JSON> <first number>.
 */
const options = JSON.parse(process.argv[2] ?? "{}") as RecorderOptions;
const recorder = await openRecorder({ ...options, log: silentLog, clock: systemClock });
for (let n = Number(process.argv[3] ?? 0); ; n++) {
  const event: EventDraft = {
    kind: "request.intent",
    session_id: `s-${n % 3}`,
    at_ms: Date.now(),
    name: `n-${n}`,
    request_content: Buffer.from(`body ${n % 7}`),
  };
  await recorder.recordDurably(event);
  process.stdout.write(`${n}\n`);
}
