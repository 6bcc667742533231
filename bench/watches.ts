import { readFileSync } from "node:fs";
import { Agent, request } from "undici";
import { cpuUs, residentMb } from "./child.ts";
import type { BenchGateway } from "./gateway.ts";
import { medianOf, type Target } from "./load.ts";
import { readRecorded } from "./recorded.ts";
import type { Row } from "./table.ts";
import { openWatches } from "./watch-clients.ts";

const WATCHES = 2_000;
const EVENTS_PER_SECOND = 500;
const SECONDS = 8;
const BROADCASTS = 9;
/** Long enough for serve to give back what it no longer needs. */
const SETTLE_MS = 8_000;

export interface WatchBench {
  /** Where the stub upstream is told what its watches say. */
  say: { origin: string; caFile: string };
  passThrough: { target: Target; pid: number };
  /** A gateway of its own for each protocol, since memory that was used once stays with a process. */
  gateway(): Promise<BenchGateway>;
}

interface Measured {
  p99: number;
  broadcast: number;
  /** Bytes of memory for each watch. */
  memory: number;
  /** Microseconds of CPU for each event of a broadcast. */
  cpu: number;
}

/** 2,000 watches on one process, by a bare pass-through and by the gateway over each protocol. */
export async function benchWatches(bench: WatchBench): Promise<{ rows: Row[]; mistakes: string[] }> {
  const mistakes: string[] = [];
  const bare = await measure(bench, bench.passThrough.target, bench.passThrough.pid, 1);
  const through: Measured[] = [];
  for (const http of [1, 2] as const) {
    const { child, origin, state, sessionToken } = await bench.gateway();
    const target: Target = {
      name: `gateway over HTTP/${http}`,
      origin,
      caFile: state.caFile,
      path: `/connections/stub${bench.passThrough.target.path}`,
      headers: { authorization: `Bearer ${sessionToken}` },
    };
    try {
      through.push(await measure(bench, target, child.pid, http));
    } finally {
      const code = await child.stop("SIGTERM");
      if (code !== 0) mistakes.push(`serve with watches ended with ${code} after SIGTERM`);
    }
    const stub = (await readRecorded(state.configFile)).find(({ connection }) => connection === "stub");
    const opened = WATCHES + 1;
    if (stub?.outcomes !== opened) mistakes.push(`${stub?.outcomes ?? 0} of ${opened} watches are on record`);
  }
  const [http1, http2] = through as [Measured, Measured];
  return { mistakes, rows: rows(bare, http1, http2) };
}

function rows(bare: Measured, http1: Measured, http2: Measured): Row[] {
  const spread = `${EVENTS_PER_SECOND} events/s over all`;
  const named = [
    ["HTTP/1.1", http1],
    ["HTTP/2", http2],
  ] as const;
  return [
    { what: `${WATCHES} watches: pass-through, ${spread}, p99`, value: bare.p99, unit: "ms" },
    ...named.map(
      ([name, { p99 }]): Row => ({
        what: `${WATCHES} watches: ${name}, ${spread}, p99`,
        value: p99,
        unit: "ms",
        aim: { at: "most", value: 50 },
        beside: "from the upstream's write to the client's read",
      }),
    ),
    { what: `${WATCHES} watches: pass-through, broadcast, median`, value: bare.broadcast, unit: "ms" },
    ...named.flatMap(([name, { broadcast, cpu }]): Row[] => [
      {
        what: `${WATCHES} watches: ${name}, broadcast`,
        value: broadcast / bare.broadcast,
        unit: "×",
        aim: { at: "most", value: 2 },
        beside: "until the last client has it, by the pass-through over HTTP/1.1",
      },
      {
        what: `${WATCHES} watches: ${name}, CPU of an event`,
        value: cpu,
        unit: "µs",
        beside: `${bare.cpu.toFixed(0)} µs of the pass-through`,
      },
    ]),
    { what: `${WATCHES} watches: pass-through, memory of one`, value: bare.memory / 1e3, unit: "KB" },
    ...named.map(
      ([name, { memory }]): Row => ({
        what: `${WATCHES} watches: ${name}, memory of one`,
        value: memory / 1e3,
        unit: "KB",
      }),
    ),
  ];
}

async function measure({ say }: WatchBench, target: Target, pid: number, http: 1 | 2): Promise<Measured> {
  // One beforehand, so that what the first ever costs is not shared among the others.
  (await openWatches(target, 1, http)).close();
  await rest();
  const before = residentMb(pid);
  const clients = await openWatches(target, WATCHES, http);
  const teller = new Agent({ connect: { ca: readFileSync(say.caFile, "utf8") } });
  const tell = async (query: string): Promise<void> => {
    const { body } = await request(`${say.origin}/say?${query}`, { method: "POST", dispatcher: teller });
    await body.text();
  };
  try {
    await rest();
    const memory = ((residentMb(pid) - before) * 1e6) / WATCHES;
    const count = EVENTS_PER_SECOND * SECONDS;
    const latencies = await seen(clients, count, () => tell(`events=${count}&rate=${EVENTS_PER_SECOND}`));
    const broadcasts: number[] = [];
    const spent = cpuUs(pid);
    for (let i = 0; i < BROADCASTS; i++) {
      broadcasts.push((await seen(clients, WATCHES, () => tell("events=1"))).at(-1) ?? Number.NaN);
    }
    const cpu = (cpuUs(pid) - spent) / (BROADCASTS * WATCHES);
    return {
      p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
      broadcast: medianOf(broadcasts),
      memory,
      cpu,
    };
  } finally {
    clients.close();
    await teller.close();
  }
}

/** The latencies of a number of events, in order of size. Rejects where not all have come within a minute. */
async function seen(
  clients: Awaited<ReturnType<typeof openWatches>>,
  count: number,
  tell: () => Promise<void>,
): Promise<number[]> {
  const latencies: number[] = [];
  const all = Promise.withResolvers<void>();
  const late = setTimeout(() => all.reject(new Error(`${latencies.length} of ${count} events have come`)), 60_000);
  clients.onEvent = (milliseconds) => {
    latencies.push(milliseconds);
    if (latencies.length === count) all.resolve();
  };
  try {
    await Promise.all([tell(), all.promise]);
  } finally {
    clearTimeout(late);
  }
  return latencies.sort((a, b) => a - b);
}

function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
