import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openRecorder } from "../../audit/recorder/recorder.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { children } from "./cpu.ts";

export interface Soak {
  seconds: number;
  events: number;
  /** Of this process and its children, in MiB: the mean of the second fifth of the run, and of the last. */
  early: number;
  late: number;
  most: number;
  /** The same, by process. */
  parts: string;
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
    const samples: ReturnType<typeof memory>[] = [];
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
        say(`soaking: ${events} events, ${shown(memory())}`);
      }
    }
    const fifth = Math.max(1, Math.floor(samples.length / 5));
    const whole = samples.map(({ own, store }) => own + store);
    return {
      seconds,
      events,
      early: mean(whole.slice(fifth, 2 * fifth)),
      late: mean(whole.slice(-fifth)),
      most: Math.max(...whole),
      parts: `${shown(averaged(samples.slice(fifth, 2 * fifth)))} to ${shown(averaged(samples.slice(-fifth)))}`,
    };
  } finally {
    await recorder.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const mean = (list: number[]): number => list.reduce((sum, value) => sum + value, 0) / Math.max(1, list.length);
const averaged = (list: ReturnType<typeof memory>[]): ReturnType<typeof memory> => ({
  own: mean(list.map(({ own }) => own)),
  store: mean(list.map(({ store }) => store)),
});
const shown = ({ own, store }: ReturnType<typeof memory>): string =>
  `gateway ${own.toFixed(0)}, store ${store.toFixed(0)} MiB`;

/** Resident memory of a process, in MiB (proc(5)). */
function resident(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024;
  } catch {
    return 0; // it ended meanwhile
  }
}

/** Of this process, and of those that it started. */
function memory(): { own: number; store: number } {
  return { own: resident(process.pid), store: children().reduce((sum, pid) => sum + resident(pid), 0) };
}
