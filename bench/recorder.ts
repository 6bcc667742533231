import { createHmac } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Agent, request } from "undici";
import type { EventDraft, EventRow, Recorder } from "../audit/event.ts";
import { openRecorder } from "../audit/recorder/recorder.ts";
import { ChdbProcess } from "../audit/store/chdb-process.ts";
import { openStore } from "../audit/store/open.ts";
import { rowLines } from "../audit/store/rows.ts";
import type { StoreReader } from "../audit/store/store.ts";
import { systemClock } from "../base/clock.ts";
import { loadGatewayConfig } from "../base/config/gateway.ts";
import { silentLog } from "../base/log.ts";
import { uuid7 } from "../base/uuid7.ts";
import { cpuUs } from "./child.ts";
import { startGateway } from "./gateway.ts";
import type { Row } from "./table.ts";
import type { Benched, World } from "./world.ts";

const EVENTS = 100_000;
const BATCH = 10_000;
/** Requests whose events are the pattern of all. */
const PATTERNS = 300;
const SESSIONS = 50;

/**
 * The recorder by itself, with events as a gateway has them at Metadata: what they cost the thread that hands them
 * over, how fast they get into the store, and what they take there; beside a plain insert of the very same rows.
 */
export async function benchRecorder(world: World): Promise<Benched> {
  const { say, directory } = world;
  say("recording some requests, as the pattern of all events");
  const patterns = await patternsOf(world);
  const folder = mkdtempSync(join(directory, "recorder-"));

  say(`recording ${EVENTS} events`);
  const recorded = await record(folder, patterns);
  say("inserting the same rows plainly");
  const plain = await insertPlainly(join(folder, "plain"), recorded.lines);
  rmSync(folder, { recursive: true, force: true });

  const perSecond = (ms: number): number => (EVENTS * 1000) / ms;
  const each = (us: number): number => us / EVENTS;
  const rows: Row[] = [
    { what: "recorder: one event in the spool", value: recorded.lineBytes, unit: "bytes" },
    {
      what: "recorder: hot path's share of an event",
      value: recorded.hotUs,
      unit: "µs",
      aim: { at: "most", value: 8 },
      beside: "CPU of record() and the handing over, on the caller's thread",
    },
    {
      what: "recorder: its thread by itself",
      value: 1e6 / each(recorded.threadUs),
      unit: "events/s",
      aim: { at: "least", value: 20_000 },
      beside: "by its CPU, shipping included",
    },
    { what: "recorder: into the spool, synced", value: perSecond(recorded.spooledMs), unit: "events/s" },
    { what: "recorder: into the store", value: perSecond(recorded.storedMs), unit: "events/s" },
    {
      what: "plain insert of the same rows",
      value: perSecond(plain.ms),
      unit: "rows/s",
      beside: "JSON lines, 10,000 a batch",
    },
    {
      what: "recorder: CPU of its thread and the store",
      value: each(recorded.threadUs + recorded.storeUs),
      unit: "µs/event",
    },
    {
      what: "recorder: CPU of its thread and the store",
      value: (recorded.threadUs + recorded.storeUs) / plain.us,
      unit: "×",
      aim: { at: "most", value: 1.3 },
      beside: "plain insert of the same rows, CPU",
    },
    {
      what: "recorder: one event on disk at Metadata",
      value: recorded.storedBytes,
      unit: "bytes",
      aim: { at: "most", value: 120 },
      beside: "active parts of events",
    },
  ];
  return { rows, mistakes: recorded.mistakes };
}

/** Outcomes of GETs as a gateway records them with the example's guardrails, as they would be handed over again. */
async function patternsOf({ directory, issuer, cluster, token, files, start }: World): Promise<EventDraft[]> {
  const upstream = await start("stub-upstream", files.cert, files.key);
  const stub = { server: `https://127.0.0.1:${upstream.ready}`, caFile: files.ca };
  const home = mkdtempSync(join(directory, "recorder-gateway-"));
  const gateway = await startGateway({ directory: home, issuer, cluster, stub, token });
  const dispatcher = new Agent({ connect: { ca: readFileSync(gateway.state.caFile, "utf8") } });
  for (let n = 0; n < PATTERNS; n++) {
    const url = `${gateway.origin}/connections/stub/api/v1/namespaces/shop/pods/web-${n}`;
    const { body } = await request(url, { dispatcher, headers: { authorization: `Bearer ${gateway.sessionToken}` } });
    await body.dump();
  }
  await dispatcher.close();
  await gateway.child.stop("SIGTERM");
  const { tenant, audit } = loadGatewayConfig(gateway.state.configFile);
  const recorder = await openRecorder({
    tenant,
    spool: audit.spool,
    store: audit.store,
    log: silentLog,
    clock: systemClock,
  });
  try {
    await recorder.flush({ toStore: true });
    const rows = await recorder.query<EventRow>(
      "SELECT * FROM events WHERE kind = 'request.outcome' AND connection = 'stub'",
    );
    return rows.map(draftOf);
  } finally {
    await recorder.close();
  }
}

function draftOf(row: EventRow): EventDraft {
  const { tenant, writer, seq, at, request_body, response_body, payload, prev_hash, hash, ...columns } = row;
  const { input, ...said } = JSON.parse(payload) as Record<string, unknown>;
  return {
    ...columns,
    at_ms: Date.now(),
    duration_us: Number(row.duration_us),
    request_bytes: Number(row.request_bytes),
    response_bytes: Number(row.response_bytes),
    payload: said,
    ...(input === undefined ? {} : { input: JSON.stringify(input) }),
  };
}

const key = Buffer.alloc(32, 1);

/** An exchange of its own, with ids and a digest that no other has. */
function fresh(pattern: EventDraft, n: number): EventDraft {
  const id = uuid7();
  return {
    ...pattern,
    session_id: `bench-${n % SESSIONS}`,
    at_ms: Date.now() + (n % 1000) / 1000,
    exchange_id: id,
    duration_us: 400 + (n % 997),
    ...(pattern.digest === "" ? {} : { digest: createHmac("sha256", key).update(id).digest("hex") }),
    payload: { ...pattern.payload, decisionId: uuid7() },
    ...(pattern.input === undefined ? {} : { input: freshInput(pattern.input, String(pattern.exchange_id), id) }),
  };
}

function freshInput(input: string, former: string, id: string): string {
  return input.replace(former, id).replace(/"now":"[^"]*"/, `"now":"${new Date().toISOString()}"`);
}

async function record(folder: string, patterns: readonly EventDraft[]) {
  const spool = { path: join(folder, "spool"), maxBytes: 1 << 30, onFull: "refuse" as const };
  const store = { embedded: join(folder, "store") };
  const recorder = await openRecorder({ tenant: "default", spool, store, log: silentLog, clock: systemClock });
  try {
    await handOver(recorder, patterns, BATCH); // warm
    await recorder.flush({ toStore: true });
    const [storePid = 0] = storeProcesses(store.embedded);
    const [spent, own, stores] = [cpuUs(process.pid), process.threadCpuUsage(), cpuUs(storePid)];
    const begun = performance.now();
    const { making, hotUs, rejected } = await handOver(recorder, patterns, EVENTS);
    await recorder.flush();
    const spooledMs = performance.now() - begun - making;
    await recorder.flush({ toStore: true });
    const storedMs = performance.now() - begun - making;
    const { user, system } = process.threadCpuUsage(own);
    const [cpuAfter, storeAfter] = [cpuUs(process.pid), cpuUs(storePid)];
    const [count] = await recorder.query<{ rows: string }>("SELECT count() AS rows FROM events");
    const missing = EVENTS + BATCH - Number(count?.rows);
    const storedBytes = await bytesOfEvent(recorder);
    const lines = await readLines(recorder);
    return {
      hotUs,
      threadUs: cpuAfter - spent - user - system,
      storeUs: storeAfter - stores,
      spooledMs,
      storedMs,
      storedBytes,
      lines,
      lineBytes: lines.reduce((sum, line) => sum + line.length, 0) / lines.length,
      mistakes: [
        ...(missing === 0 ? [] : [`${missing} events of the recorder's bench are not in the store`]),
        ...(rejected === undefined ? [] : [`the recorder refused: ${rejected}`]),
      ],
    };
  } finally {
    await recorder.close();
  }
}

/** Hands events over as fast as the disk takes them. `making`: milliseconds that went into making them up. */
async function handOver(recorder: Recorder, patterns: readonly EventDraft[], count: number) {
  let making = 0;
  let hot = 0;
  let rejected: string | undefined;
  const before: Promise<void>[] = [];
  for (let n = 0; n < count; n += BATCH / 10) {
    const start = performance.now();
    const drafts = Array.from({ length: BATCH / 10 }, (_, i) =>
      fresh(patterns[(n + i) % patterns.length] as EventDraft, n + i),
    );
    making += performance.now() - start;
    const spent = process.threadCpuUsage();
    for (const draft of drafts) recorder.record(draft);
    // What has waited 5 ms for company goes now, on this thread; the last of it tells when it is on disk.
    before.push(recorder.flush());
    const { user, system } = process.threadCpuUsage(spent);
    hot += user + system;
    rejected ??= recorder.failure();
    if (before.length > 4) await before.shift();
  }
  await Promise.all(before);
  return { making, hotUs: hot / count, rejected };
}

async function bytesOfEvent(reader: StoreReader): Promise<number> {
  const [parts] = await reader.query<{ bytes: string; rows: string }>(
    "SELECT sum(bytes_on_disk) AS bytes, sum(rows) AS rows FROM system.parts WHERE active AND table = 'events'",
  );
  return Number(parts?.bytes) / Number(parts?.rows);
}

/** The rows of the store as the spool had them, in batches that fit into one answer. */
async function readLines(reader: StoreReader): Promise<Buffer[]> {
  const lines: Buffer[] = [];
  for (let n = 0; n < SESSIONS; n++) {
    const rows = await reader.query<EventRow>("SELECT * FROM events WHERE session_id = {id:String} ORDER BY seq", {
      id: `bench-${n}`,
    });
    for (const row of rows) lines.push(Buffer.from(JSON.stringify(row)));
  }
  return lines.slice(0, EVENTS);
}

/** The processes that hold chDB at `path`, started by any thread of this one. */
function storeProcesses(path: string): number[] {
  return readdirSync("/proc/self/task")
    .flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" "))
    .filter(Boolean)
    .map(Number)
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(path));
}

/**
 * How long it took, and the CPU of this thread and the store's process. What anybody would do: JSON lines, as they are, to
 * chDB's own insert(). The recorder's way into the store is another, and is measured with the recorder.
 */
async function insertPlainly(path: string, lines: readonly Buffer[]): Promise<{ ms: number; us: number }> {
  await (await openStore({ embedded: path })).close(); // its tables
  const store = new ChdbProcess(path, "default");
  const insert = (rows: readonly Buffer[], token: string): Promise<unknown> =>
    store.request({ op: "insert", table: "events", format: "JSONEachRow", token }, [rowLines(rows)]);
  try {
    await store.opened();
    await insert(lines.slice(0, 1000), "warm");
    const [storePid = 0] = storeProcesses(path);
    const [own, stores] = [process.threadCpuUsage(), cpuUs(storePid)];
    const begun = performance.now();
    for (let n = 0; n < lines.length; n += BATCH) await insert(lines.slice(n, n + BATCH), String(n));
    const { user, system } = process.threadCpuUsage(own);
    return { ms: performance.now() - begun, us: user + system + cpuUs(storePid) - stores };
  } finally {
    await store.close();
  }
}
