import { Worker } from "node:worker_threads";
import type { Clock } from "../../base/clock.ts";
import { errorMessage, Refusal, UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { uuid7 } from "../../base/uuid7.ts";
import type { ContentPart, EventDraft, Recorder } from "../event.ts";
import type { CheckpointMaker, EvidenceStatus, TreeHead } from "../evidence/checkpoint.ts";
import type { Position } from "../spool/segments.ts";
import { parseRows } from "../store/chdb.ts";
import type { Retention } from "../store/retention.ts";
import type {
  QueryOptions,
  Question,
  QuestionAnswer,
  QuestionReader,
  StoreLocation,
  StoreReader,
} from "../store/store.ts";
import { StoreError } from "../store/store-error.ts";
import type { CheckpointOptions } from "./checkpoints.ts";
import type { FromWorker, ToWorker, WorkerOptions } from "./messages.ts";
import { type Handed, packDrafts, unpacked } from "./pack.ts";
import { newProgress, readProgress } from "./progress.ts";

export interface RecorderOptions {
  tenant: string;
  /** A UUIDv7 for each process start where absent: chains are (session_id, writer). */
  writer?: string;
  spool: { path: string; maxBytes: number; onFull: "refuse" | "continue" };
  store: StoreLocation;
  /** How long what was recorded is kept; for ever where absent. */
  retention?: Retention | undefined;
  /** File of the key that signs where each chain stands; without it nothing is signed. */
  checkpointKey?: string | undefined;
  /** Files of those that signed before it: what retention lets go of is compared with what they signed. */
  formerKeys?: readonly string[] | undefined;
  /** When retention first looks for what has passed its time; ten minutes where absent. */
  expiryFirstMs?: number | undefined;
  checkpoints?: CheckpointOptions | undefined;
  log: Log;
  clock: Clock;
}

/** Events that wait for the disk at most, in bytes as handed over: past it what must be recorded is refused. */
const BACKLOG_BYTES = 32 * 1024 * 1024;
/** Past this events are dropped, counted, and the gap put on record. */
const DROP_BYTES = 2 * BACKLOG_BYTES;
/** How long events gather before they are handed to the worker, which has them on disk 25 ms later. */
const GATHER_MS = 5;
/** A disk that takes longer than this to sync is taken for stuck. */
const STALL_MS = 10_000;
const RESTART_MS = 500;

type Reply = Extract<FromWorker, { type: "reply" }>;

interface Posted {
  batch: number;
  bytes: number;
  handed: Handed[];
  inputs: readonly string[];
  at: number;
  waiting: { handed: Handed; resolve(): void; reject(error: unknown): void }[];
}

/**
 * Starts the recorder: its worker, spool and store. Throws a UserError where the spool or the store cannot be had
 * (in use by another process, a schema newer than this code).
 */
export async function openRecorder(
  options: RecorderOptions,
): Promise<Recorder & StoreReader & QuestionReader & CheckpointMaker> {
  const recorder = new WorkerRecorder(options);
  await recorder.open(options.writer ?? uuid7());
  return recorder;
}

class WorkerRecorder implements Recorder, StoreReader, QuestionReader, CheckpointMaker {
  readonly #options: RecorderOptions;
  #worker: Worker | undefined;
  readonly #writers: string[] = [];
  #progress = newProgress();
  /** Where the last thread that opened its spool came to. */
  #cut: Position | undefined;
  /** What a worker ended on once: another time it is dropped, or it would end every one. */
  readonly #retried = new WeakSet<Handed>();
  /** Why the worker is not there. */
  #dead: string | undefined = "the recorder has not started";
  /** Why the worker cannot put anything on disk. */
  #failing: string | undefined;
  #stalled = false;
  #evidence: EvidenceStatus = {};
  #closing = false;
  #drafts: Handed[] = [];
  #waiting: Posted["waiting"] = [];
  #posting: "no" | "soon" | "now" = "no";
  #posted: Posted[] = [];
  #bytes = 0;
  #dropped = 0;
  #nextBatch = 1;
  #nextCall = 1;
  readonly #calls = new Map<number, { resolve(reply: Reply): void; reject(error: Error): void }>();
  #watch: NodeJS.Timeout | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  record(event: EventDraft): void {
    if (this.#bytes > DROP_BYTES || (this.#dead !== undefined && this.#drafts.length > 10_000)) {
      this.#dropped++;
      return;
    }
    this.#drafts.push(event);
    if (this.#posting !== "no") return;
    this.#posting = "soon";
    setTimeout(this.#post, GATHER_MS);
  }

  recordDurably(event: EventDraft): Promise<void> {
    return this.#handOver(event);
  }

  recordPart(part: ContentPart): Promise<void> {
    if (part.bytes !== undefined) return this.#handOver(part);
    // What nobody names is forgotten; it may be dropped, as what is forgotten with its thread.
    if (this.#dead === undefined) this.#drafts.push(part);
    return Promise.resolve();
  }

  #handOver(handed: Handed): Promise<void> {
    const failure = this.failure();
    if (failure !== undefined) return Promise.reject(unavailable(failure));
    return new Promise((resolve, reject) => {
      this.#drafts.push(handed);
      this.#waiting.push({ handed, resolve, reject });
      if (this.#posting === "now") return;
      this.#posting = "now";
      // What the same turn of the loop hands over shares one message and one fdatasync.
      queueMicrotask(this.#post);
    });
  }

  failure(): string | undefined {
    if (this.#dead !== undefined) return this.#dead;
    if (this.#failing !== undefined) return this.#failing;
    if (this.#bytes > BACKLOG_BYTES) return "the disk cannot keep up with what is to be recorded";
    return this.#stalled ? "the recorder does not answer" : undefined;
  }

  async flush(options: { toStore?: boolean } = {}): Promise<void> {
    this.#post();
    await this.#call((id) => ({ type: "flush", id, toStore: options.toStore === true }));
  }

  async query<Row>(sql: string, params: Record<string, unknown> = {}, options: QueryOptions = {}): Promise<Row[]> {
    return parseRows<Row>(await this.#call((id) => ({ type: "query", id, sql, params, options })));
  }

  async ask(question: Question): Promise<QuestionAnswer> {
    const { answer } = await this.#request((id) => ({ type: "ask", id, question }));
    if (answer === undefined) throw new Error("the recorder's worker answered something else");
    return answer;
  }

  evidence(): EvidenceStatus {
    return this.#evidence;
  }

  async checkpoint(): Promise<TreeHead | undefined> {
    this.#post();
    const head = JSON.parse(await this.#call((id) => ({ type: "checkpoint", id }))) as TreeHead | null;
    return head ?? undefined;
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#post();
    this.#closing = true;
    try {
      if (this.#dead === undefined) await this.#call((id) => ({ type: "close", id }));
    } finally {
      clearInterval(this.#watch);
      this.#dead = "the recorder is closed";
      await this.#worker?.terminate();
    }
  }

  /** Starts a worker. Resolves when it can record. */
  async open(writer: string): Promise<void> {
    const { tenant, spool, store, retention, checkpointKey, formerKeys, checkpoints, expiryFirstMs } = this.#options;
    // A thread that could not start knows nothing of where the one before it came to.
    this.#cut = readProgress(this.#progress)?.end ?? this.#cut;
    this.#progress = newProgress();
    const workerData: WorkerOptions = {
      tenant,
      writer,
      earlier: [...this.#writers],
      spool,
      store,
      retention,
      progress: this.#progress,
      cut: this.#cut,
      checkpointKey,
      formerKeys,
      checkpoints,
      expiryFirstMs,
    };
    this.#writers.push(writer);
    // The same extension as this file: .ts in a checkout, .js in the package (tsc does not rewrite URLs).
    const entry = new URL(`./worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
    const worker = new Worker(entry, { workerData, execArgv: [], name: "recorder" });
    this.#worker = worker;
    await new Promise<void>((resolve, reject) => {
      let ready = false;
      let error: Error | undefined;
      worker.on("message", (message: FromWorker) => {
        if (message.type === "ready") {
          ready = true;
          this.#started();
          resolve();
        } else if (message.type === "unstartable") {
          error = new UserError(message.message, message.next === undefined ? {} : { next: message.next });
        } else this.#receive(message);
      });
      worker.on("error", (thrown: unknown) => {
        error = thrown instanceof Error ? thrown : new Error(String(thrown));
      });
      worker.on("exit", () => {
        if (ready) this.#died(error);
        else reject(error ?? new Error("the recorder's worker ended before it was ready"));
      });
    });
  }

  #started(): void {
    this.#dead = undefined;
    this.#failing = undefined;
    this.#stalled = false;
    this.#watch ??= setInterval(() => this.#checkStall(), 1000).unref();
    this.#reportDropped();
    if (this.#drafts.length > 0) this.#post();
  }

  /** The worker ended by itself: refuse until another one stands, under a new writer. */
  #died(error: Error | undefined): void {
    if (this.#closing) return;
    this.#dead = `the recorder's worker ended${error === undefined ? "" : `: ${errorMessage(error)}`}`;
    this.#options.log.error("the recorder's worker ended; what must be recorded is refused until it is back", {
      error,
    });
    for (const call of this.#calls.values()) call.reject(new Error(this.#dead));
    this.#calls.clear();
    this.#drafts = [...this.#unwritten(), ...this.#drafts];
    this.#rejectWaiting(this.#dead);
    this.#posted = [];
    this.#bytes = 0;
    setTimeout(() => {
      if (this.#closing) return;
      this.open(uuid7()).catch((reason: unknown) => this.#died(reason instanceof Error ? reason : undefined));
    }, RESTART_MS);
  }

  /**
   * What the ended worker had not put into the spool's files, to be handed to the next one. Not what is refused, since
   * its exchange does not go on, and not what a worker has ended on before.
   */
  #unwritten(): Handed[] {
    const { batch: written, events } = readProgress(this.#progress) ?? { batch: 0, events: 0 };
    let partly = events;
    return this.#posted.flatMap(({ batch, handed, inputs, waiting }) => {
      if (batch <= written) return [];
      const refused = new Set(waiting.map((one) => one.handed));
      return handed.filter((one) => {
        // The first of the oldest batch: a full disk took a part of it.
        if (partly > 0) {
          if ("kind" in one) partly--;
          return false;
        }
        if (refused.has(one)) return false;
        const again = this.#retried.has(one);
        if (again) this.#dropped++;
        else this.#retried.add(unpacked(one, inputs));
        return !again;
      });
    });
  }

  readonly #post = (): void => {
    this.#posting = "no";
    if (this.#drafts.length === 0 || this.#dead !== undefined) return;
    const drafts = this.#drafts;
    const waiting = this.#waiting;
    this.#drafts = [];
    this.#waiting = [];
    const { text, inputs, content } = packDrafts(drafts, this.#options.clock);
    const batch = this.#nextBatch++;
    const bytes = inputs.reduce((sum, one) => sum + one.length, text.length + (content?.byteLength ?? 0));
    this.#bytes += bytes;
    this.#posted.push({ batch, bytes, handed: drafts, inputs, at: performance.now(), waiting });
    const message: ToWorker = { type: "events", batch, drafts: text, inputs, content, durable: waiting.length > 0 };
    this.#worker?.postMessage(message, content === undefined ? [] : [content]);
  };

  #receive(message: Exclude<FromWorker, { type: "ready" | "unstartable" }>): void {
    switch (message.type) {
      case "synced":
        this.#synced(message.batch);
        break;
      case "evidence":
        this.#evidence = { ...this.#evidence, ...message.status };
        break;
      case "log":
        this.#options.log[message.level](message.message, message.fields);
        break;
      case "failing":
        this.#setFailing(message.reason);
        break;
      case "reply": {
        const call = this.#calls.get(message.id);
        this.#calls.delete(message.id);
        const { error, code } = message;
        if (error === undefined) call?.resolve(message);
        else call?.reject(code === undefined ? new Error(error) : new StoreError(code, error));
      }
    }
  }

  #setFailing(reason: string | undefined): void {
    this.#failing = reason;
    if (reason === undefined) {
      this.#options.log.info("events reach the disk again", {});
      return;
    }
    this.#options.log.error("events do not reach the disk; what must be recorded is refused", { reason });
    this.#rejectWaiting(reason);
  }

  #synced(batch: number): void {
    let done = 0;
    for (const posted of this.#posted) {
      if (posted.batch > batch) break;
      done++;
      this.#bytes -= posted.bytes;
      for (const { resolve } of posted.waiting) resolve();
    }
    this.#posted.splice(0, done);
    this.#stalled = false;
    this.#reportDropped();
  }

  #rejectWaiting(reason: string): void {
    for (const posted of this.#posted) {
      for (const { reject } of posted.waiting) reject(unavailable(reason));
      posted.waiting = [];
    }
    if (this.#dead === undefined) return;
    for (const { reject } of this.#waiting) reject(unavailable(reason));
    this.#waiting = [];
  }

  #reportDropped(): void {
    if (this.#dropped === 0 || this.#bytes > BACKLOG_BYTES) return;
    const atMost = this.#dropped;
    this.#dropped = 0;
    this.record({
      kind: "recorder.gap",
      session_id: "recorder",
      at_ms: this.#options.clock.now(),
      payload: { state: "ended", eventsLostAtMost: atMost },
    });
  }

  #checkStall(): void {
    const oldest = this.#posted[0];
    if (oldest === undefined || performance.now() - oldest.at < STALL_MS || this.#stalled) return;
    this.#stalled = true;
    this.#options.log.error("the recorder does not answer; what must be recorded is refused", {});
    this.#rejectWaiting("the recorder does not answer");
  }

  async #call(make: (id: number) => ToWorker): Promise<string> {
    return (await this.#request(make)).text ?? "";
  }

  #request(make: (id: number) => ToWorker): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== undefined) return reject(new Error(this.#dead));
      const id = this.#nextCall++;
      this.#calls.set(id, { resolve, reject });
      this.#worker?.postMessage(make(id));
    });
  }
}

function unavailable(reason: string): Refusal {
  return new Refusal("recorder-unavailable", "the gateway cannot record this request, so it is not forwarded", {
    next: "Try again later; the operator of the gateway sees the reason in its log and at /readyz.",
    cause: reason,
  });
}
