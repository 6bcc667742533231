import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";

export interface Soak {
  seconds: number;
  events: number;
  /** Of this process and its children, in MiB: the mean of the second fifth of the run, and of the last. */
  early: number;
  late: number;
  most: number;
}

const EVERY_MS = 50;
const EACH = 25;

/** A recorder with an embedded store under 500 events a second, a fifth of them with contents; what it holds in memory. */
export async function soak(seconds: number, say: (what: string) => void): Promise<Soak> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-soak-"));
  const recorder = await openRecorder({
    tenant: "default",
    spool: { path: join(folder, "spool"), maxBytes: 2 ** 30, onFull: "refuse" },
    store: { embedded: join(folder, "store") },
    log: silentLog,
    clock: systemClock,
  });
  try {
    const samples: number[] = [];
    let events = 0;
    const end = Date.now() + seconds * 1000;
    for (let next = Date.now(), told = 0; next < end; next += EVERY_MS) {
      for (let i = 0; i < EACH; i++, events++) {
        recorder.record({
          kind: "request.outcome",
          session_id: `soak-${Math.floor(events / 1000)}`,
          at_ms: Date.now(),
          verb: "get",
          resource: "pods",
          namespace: "a",
          name: `web-${events % 500}`,
          status: 200,
          payload: { decisionId: `d-${events}` },
          ...(i % 5 === 0 ? { response_content: Buffer.from(`content ${events} `.repeat(200)) } : {}),
        });
      }
      await sleep(Math.max(0, next + EVERY_MS - Date.now()));
      if (events % (EACH * 20) === 0) samples.push(memory());
      if (Date.now() - told > 60_000) {
        told = Date.now();
        say(`soaking: ${events} events, ${memory().toFixed(0)} MiB`);
      }
    }
    const mean = (list: number[]): number => list.reduce((sum, value) => sum + value, 0) / Math.max(1, list.length);
    const fifth = Math.max(1, Math.floor(samples.length / 5));
    return {
      seconds,
      events,
      early: mean(samples.slice(fifth, 2 * fifth)),
      late: mean(samples.slice(-fifth)),
      most: Math.max(...samples),
    };
  } finally {
    await recorder.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resident memory of this process and those that it started, in MiB (proc(5)). */
function memory(): number {
  const resident = (pid: number): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  const children = readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return [process.pid, ...children].reduce((sum, pid) => {
    try {
      return sum + resident(pid);
    } catch {
      return sum; // it ended meanwhile
    }
  }, 0);
}
