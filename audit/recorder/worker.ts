import { mkdirSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { errorMessage, UserError } from "../../base/errors.ts";
import { uuid7 } from "../../base/uuid7.ts";
import { lockSpool } from "../spool/lock.ts";
import { Spool } from "../spool/spool.ts";
import { openStore } from "../store/open.ts";
import { StoreError } from "../store/store-error.ts";
import { Assembler } from "./assemble.ts";
import { Chains } from "./chain.ts";
import { openCheckpoints, prepareCheckpoints } from "./checkpoints.ts";
import { Contents } from "./contents.ts";
import { startExpiry } from "./expiry.ts";
import { closeFormerSessions, ownWriter } from "./former-sessions.ts";
import { leavesOut } from "./gap.ts";
import type { FromWorker, ToWorker, WireDraft, WorkerOptions } from "./messages.ts";
import { writeProgress } from "./progress.ts";
import { startReconciling } from "./reconciling.ts";
import { readPosition, Shipper } from "./shipper.ts";

/**
 * The recorder's own thread: it numbers, hashes and chains what the hot thread hands over, puts it on disk, and
 * ships it. File calls are synchronous here on purpose: nothing else waits for this thread, and order is the point.
 * Anything unexpected ends the thread, and the hot thread then refuses what must be recorded.
 */
const SYNC_MS = 25;
const RETRY_MS = 200;
/** With onFull continue, metadata may take the spool to this many times its limit. */
const METADATA_FACTOR = 2;
/** The session of what the recorder says about itself. */
export const RECORDER_SESSION = "recorder";

const port = parentPort;
if (port === null) throw new Error("the recorder's worker runs as a worker thread only");
const options = workerData as WorkerOptions;
const send = (message: FromWorker): void => port.postMessage(message);

const { spool, position, release, store, prepared, former } = await start().catch((error: unknown) => {
  send({
    type: "unstartable",
    message: errorMessage(error),
    next: error instanceof UserError ? error.next : undefined,
  });
  process.exit(1);
});
const { tenant, writer, earlier } = options;
const chains = new Chains({ tenant, writer, earlier, newWriter: anotherWriter });
const contents = new Contents();
const assembler = new Assembler(chains, contents);
const shipper = new Shipper({
  folder: options.spool.path,
  position,
  tenant: options.tenant,
  spool,
  store,
  onTorn: (tear) => {
    ownEvent("recorder.torn", { ...tear });
    commit(true);
  },
  onReleased: () => {
    if (failing !== undefined || contents.leaveOut) commit(true);
  },
  log: (level, message, fields) => send({ type: "log", level, message, fields }),
});

async function start() {
  mkdirSync(options.spool.path, { recursive: true, mode: 0o700 });
  const release = lockSpool(options.spool.path);
  try {
    const prepared = await prepareCheckpoints(options);
    const position = readPosition(options.spool.path);
    const spool = new Spool({ ...options.spool, after: position.segment, cut: options.cut });
    writeProgress(options.progress, { batch: 0, events: 0, end: spool.end });
    const store = await openStore(options.store, options.tenant);
    const former = ownWriter(options.spool.path, options, {
      unsealed: prepared?.state.writers,
      onUnsaved(error) {
        const fields = { reason: errorMessage(error) };
        send({ type: "log", level: "warn", message: "the list of writers could not be written", fields });
      },
    });
    return { spool, position, release, prepared, store, former };
  } catch (error) {
    release();
    throw error;
  }
}

let lastBatch = 0;
let syncedBatch = 0;
let settledBatch = 0;
/** Batches that may yet be cut off again, oldest first: how many events the spool had been given before and after. */
const unsettled: { batch: number; from: number; to: number }[] = [];
let failing: string | undefined;
let timer: NodeJS.Timeout | undefined;

function anotherWriter(): string {
  const writer = uuid7();
  former.add(writer);
  checkpoints?.writer(writer);
  return writer;
}

function ownEvent(kind: "recorder.torn" | "recorder.gap", payload: Record<string, unknown>): void {
  addEvent({ kind, session_id: RECORDER_SESSION, at_ms: Date.now(), payload });
}

function addEvent(draft: WireDraft): void {
  const frames: Buffer[] = [];
  assembler.event(draft, undefined, frames);
  for (const frame of frames) spool.add(frame);
}

function later(ms: number): void {
  timer ??= setTimeout(() => {
    timer = undefined;
    commit(true);
  }, ms);
}

/** Says what the files hold, for the thread that comes after this one. */
function tellProgress(): void {
  const { settled, written, end } = spool;
  for (let oldest = unsettled[0]; oldest !== undefined && oldest.to <= settled; oldest = unsettled[0]) {
    settledBatch = oldest.batch;
    unsettled.shift();
  }
  const at = unsettled.findIndex(({ to }) => to > written);
  const partly = unsettled[at];
  const whole = (at === -1 ? unsettled.at(-1) : unsettled[at - 1])?.batch ?? settledBatch;
  const events = partly === undefined ? 0 : Math.max(0, written - partly.from);
  writeProgress(options.progress, { batch: whole, events, end });
}

/** Puts on disk what was taken, and says what came of it. */
function commit(durable: boolean): void {
  degrade();
  const isFull = full();
  if (isFull) spool.refuse(`the spool is full (${options.spool.maxBytes} bytes wait for the store)`);
  const put = !isFull && (durable ? spool.sync() : spool.write());
  tellProgress();
  if (put && !durable) later(SYNC_MS);
  if (put && durable) {
    syncedBatch = lastBatch;
    send({ type: "synced", batch: lastBatch });
    checkpoints?.synced();
    shipper.notify();
  }
  if (failing !== spool.failure) {
    failing = spool.failure;
    send({ type: "failing", reason: failing });
  }
  if (failing !== undefined) {
    // Some may have got there before the disk was full, and room is made by shipping it.
    shipper.notify();
    later(RETRY_MS);
  }
}

function full(): boolean {
  const factor = options.spool.onFull === "refuse" ? 1 : METADATA_FACTOR;
  if (!spool.full(factor)) return false;
  spool.release(shipper.position); // the segment being written may have been shipped whole
  return spool.full(factor);
}

/** With onFull continue: contents are left out while the spool is full, and the gap is on record. */
function degrade(): void {
  if (options.spool.onFull !== "continue" || contents.leaveOut === leavesOut(spool, contents.leaveOut)) return;
  contents.leaveOut = !contents.leaveOut;
  if (contents.leaveOut) {
    contents.leftOut = 0;
    ownEvent("recorder.gap", { state: "began", why: "the spool is full: contents are left out" });
  } else ownEvent("recorder.gap", { state: "ended", contentsLeftOut: contents.leftOut });
}

/** Takes one message; returns whether it must be on disk at once. */
function take(message: ToWorker): boolean {
  switch (message.type) {
    case "events": {
      const from = spool.taken;
      for (const frame of assembler.batch(message)) spool.add(frame);
      lastBatch = message.batch;
      unsettled.push({ batch: lastBatch, from, to: spool.taken });
      return message.durable;
    }
    case "flush":
      queueMicrotask(() => answer(message.id, () => flush(message.toStore)));
      return true;
    case "query":
      answer(message.id, () => store.queryText(message.sql, message.params, message.options));
      return false;
    case "ask":
      store.ask(message.question).then(
        (found) => send({ type: "reply", id: message.id, answer: found }),
        (error: unknown) => sendError(message.id, error),
      );
      return false;
    case "checkpoint":
      answer(message.id, async () => checkpoints?.make() ?? "null");
      return false;
    case "close":
      queueMicrotask(() => answer(message.id, close));
      return true;
    default:
      throw new Error(`the recorder was sent ${JSON.stringify(message)}`);
  }
}

function answer(id: number, work: () => Promise<string | undefined>): void {
  work().then(
    (text) => send({ type: "reply", id, ...(text === undefined ? {} : { text }) }),
    (error: unknown) => sendError(id, error),
  );
}

function sendError(id: number, error: unknown): void {
  const code = error instanceof StoreError ? { code: error.code } : {};
  send({ type: "reply", id, error: errorMessage(error), ...code });
}

async function flush(toStore: boolean): Promise<undefined> {
  if (failing !== undefined) throw new Error(failing);
  if (!toStore) return;
  // A tear that is found on the way becomes an event, which is to be shipped as well.
  await shipper.drain();
  await shipper.drain();
}

async function close(): Promise<undefined> {
  await checkpoints?.close();
  clearTimeout(timer);
  stopExpiry();
  stopClosing();
  reconciling.stop();
  await shipper.stop();
  await store.close();
  if (failing === undefined && !spool.sync()) failing = spool.failure;
  spool.close();
  release();
  if (failing !== undefined) throw new Error(failing);
}

port.on("message", (first: ToWorker) => {
  let durable = take(first);
  // Group commit: what has arrived meanwhile shares one fdatasync.
  for (let more = receiveMessageOnPort(port); more !== undefined; more = receiveMessageOnPort(port)) {
    durable = take(more.message as ToWorker) || durable;
  }
  if (durable || spool.pendingBytes > 0 || lastBatch !== syncedBatch) commit(durable);
});
const checkpoints =
  prepared &&
  openCheckpoints(prepared, { options, chains, shipper, store, event: addEvent, commit: () => commit(true), send });
shipper.start();
const keys = prepared === undefined ? [] : [prepared.signer.publicKey, ...prepared.formerKeys];
const reconciling = startReconciling({ tenant, chains, store, keys, shipper, send });
const stopExpiry = startExpiry({
  store,
  tenant: options.tenant,
  retention: options.retention ?? {},
  record: async (said) => {
    reconciling.forget(said);
    addEvent({ kind: "record.expired", session_id: RECORDER_SESSION, at_ms: Date.now(), payload: { ...said } });
    commit(true);
    await flush(true);
  },
  keys,
  firstMs: options.expiryFirstMs,
  settle: async () => void (await flush(true)),
  contents,
  shipper,
  log: (level, message, fields) => send({ type: "log", level, message, fields }),
});
const stopClosing = closeFormerSessions({
  former,
  store,
  tenant,
  settle: async () => void (await flush(true)),
  record(events) {
    for (const event of events) addEvent(event);
    commit(true);
    if (failing !== undefined) throw new Error(failing);
  },
  log: (level, message, fields) => send({ type: "log", level, message, fields }),
});
checkpoints?.start();
send({ type: "ready" });
