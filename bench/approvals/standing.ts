import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type EmbeddedHome, openEmbeddedHome } from "../../approvals/git/home.ts";
import { silentLog } from "../../base/log.ts";
import { EXCEPTIONS, standingFile } from "../policy/exceptions.ts";
import type { Row } from "../table.ts";

/** What else runs on the machine only adds to a stall: the least of these readings is ours. */
const READINGS = 3;

interface Reading {
  ms: number;
  stallMs: number;
  /** The longest turn of the event loop in CPU of its thread, garbage collection in it; what else runs adds nothing. */
  turnMs: number;
}

/** Ten thousand standing exceptions through the policy-exceptions repository: found on main by a gateway, and one changed. */
export async function benchStanding(directory: string): Promise<Row[]> {
  const folder = mkdtempSync(join(directory, "standing-"));
  const mergeKeyFile = join(folder, "merge.pem");
  const key = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  writeFileSync(mergeKeyFile, key, { mode: 0o600 });
  const options = {
    path: join(folder, "exceptions.git"),
    mergeKeyFile,
    people: [{ identities: ["corp:alice@example.com"], agents: [] }],
    log: silentLog,
    url: (name: string) => name,
  };
  const by = { issuer: "corp", username: "corp:alice@example.com" };
  const writer = await openEmbeddedHome(options);
  try {
    await writer.standing.merge(new Map(Array.from({ length: EXCEPTIONS }, (_, i) => standingFile(i))), by, "bench");
    let reader: EmbeddedHome | undefined;
    const first: Reading[] = [];
    while (first.length < READINGS) {
      await reader?.close();
      first.push(
        await stalled(async () => {
          reader = await openEmbeddedHome(options);
        }),
      );
    }
    const more: Reading[] = [];
    for (let size = EXCEPTIONS; more.length < READINGS && reader !== undefined; size++) {
      await writer.standing.merge(new Map([standingFile(size)]), by, "bench");
      // It may have found it by itself meanwhile, and then there is nothing to measure.
      const found = reader.standing.size > size;
      const reading = await stalled(() => reader?.standing.refresh() ?? Promise.resolve());
      if (reader.standing.size !== size + 1) throw new Error(`${reader.standing.size} exceptions are in force`);
      if (!found) more.push(reading);
    }
    await reader?.close();
    return [...rows("a gateway opens", first), ...rows("one more in force", more)];
  } finally {
    await writer.close();
  }
}

function rows(what: string, readings: readonly Reading[]): Row[] {
  const least = (of: (reading: Reading) => number): number => Math.min(...readings.map(of));
  const beside = `least of ${readings.length}`;
  return [
    {
      what: `10,000 standing exceptions: ${what}`,
      value: least(({ ms }) => ms),
      unit: "ms",
      aim: { at: "most", value: 1000 },
      beside,
    },
    {
      what: "10,000 standing exceptions: longest stall meanwhile",
      value: least(({ stallMs }) => stallMs),
      unit: "ms",
      aim: { at: "most", value: 10 },
      beside,
    },
    {
      what: "10,000 standing exceptions: longest turn meanwhile, CPU of its thread",
      value: least(({ turnMs }) => turnMs),
      unit: "ms",
      aim: { at: "most", value: 10 },
      beside,
    },
  ];
}

async function stalled(work: () => Promise<void>): Promise<Reading> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const turns = new Turns();
  const started = performance.now();
  await work();
  const ms = performance.now() - started;
  delay.disable();
  return { ms, stallMs: delay.max / 1e6, turnMs: turns.end() };
}

/** Looks at the thread's CPU once in every turn of the event loop. */
class Turns {
  #before = threadCpuMs();
  #longest = 0;
  #next = setImmediate(() => this.#look());

  #look(): void {
    const now = threadCpuMs();
    this.#longest = Math.max(this.#longest, now - this.#before);
    this.#before = now;
    this.#next = setImmediate(() => this.#look());
  }

  end(): number {
    clearImmediate(this.#next);
    return this.#longest;
  }
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
