import { Worker } from "node:worker_threads";
import type { Program } from "./instance.ts";
import type { FromWorker, ToWorker } from "./protocol.ts";
import { Turns } from "./turns.ts";

export interface WorkerLimits {
  /** An evaluation that takes longer is ended with its thread: CPU time, so that a busy machine is no slow policy. */
  deadlineMs: number;
  /** Starting the thread and instantiating a program. */
  loadMs: number;
  /** Inputs that may be evaluated and wait, together; past it the largest is refused. */
  queue: number;
  /** A thread that had nothing to do for so long is ended, since it holds 10 MB and more. */
  idleMs: number;
}

export const DEFAULT_LIMITS: WorkerLimits = { deadlineMs: 250, loadMs: 10_000, queue: 64, idleMs: 30_000 };

/** Whoever asks waits no longer than so many deadlines, however little of a core the thread gets. */
const PATIENCE = 8;

/** An evaluation that was ended at its deadline. */
export class DeadlineError extends Error {
  constructor(ms: number) {
    super(`the evaluation did not end within ${ms} ms`);
    this.name = "DeadlineError";
  }
}

/**
 * One thread that evaluates one input at a time, started when first needed. An evaluation cannot be
 * interrupted on its own thread: past the deadline the thread is ended, and the next input gets a new one.
 */
export class EvaluationWorker {
  readonly #limits: WorkerLimits;
  #worker: Worker | undefined;
  #loaded = new Set<string>();
  readonly #turns: Turns;
  #nextId = 1;
  #lastMicroseconds = 0;
  /** CPU time of the thread by its last answer, in microseconds. */
  #cpu = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(limits: Partial<WorkerLimits> = {}) {
    this.#limits = { ...DEFAULT_LIMITS, ...limits };
    this.#turns = new Turns(this.#limits.queue);
  }

  /** Whether a thread is running. */
  get running(): boolean {
    return this.#worker !== undefined;
  }

  /** What the evaluation that was answered last took in its thread; of whoever evaluates one at a time. */
  get lastMicroseconds(): number {
    return this.#lastMicroseconds;
  }

  /** The policy's result. Rejects where it throws, misses the deadline or the queue is full; `input` is given away. */
  evaluate(program: Program, input: ArrayBuffer, deadlineMs = this.#limits.deadlineMs): Promise<unknown> {
    return this.#turns
      .take(input.byteLength, () => this.#evaluateNow(program, input, deadlineMs))
      .finally(() => {
        if (this.#turns.idle) this.#rest();
      });
  }

  async close(): Promise<void> {
    clearTimeout(this.#idle);
    await this.#end();
  }

  async #evaluateNow(program: Program, input: ArrayBuffer, deadlineMs: number): Promise<unknown> {
    clearTimeout(this.#idle);
    if (!this.#loaded.has(program.key) || this.#worker === undefined) {
      const keys = await this.#ask({ kind: "load", id: this.#nextId++, program }, this.#limits.loadMs);
      this.#loaded = new Set(keys as string[]);
    }
    return this.#ask({ kind: "evaluate", id: this.#nextId++, key: program.key, input }, deadlineMs, [input]);
  }

  #ask(message: ToWorker, timeoutMs: number, transfer: ArrayBuffer[] = []): Promise<unknown> {
    const worker = this.#start();
    worker.ref();
    return new Promise<unknown>((resolve, reject) => {
      let settled = false;
      const settle = (act: () => void): void => {
        settled = true;
        clearTimeout(timer);
        worker.off("message", onMessage).off("error", onError).off("exit", onExit);
        worker.unref();
        act();
      };
      const onMessage = (answer: FromWorker): void => {
        if (answer.id !== message.id) return;
        this.#cpu = answer.cpu;
        if (answer.ok) this.#lastMicroseconds = Math.round(answer.us);
        settle(() => (answer.ok ? resolve(answer.result) : reject(new Error(answer.error))));
      };
      const onError = (error: unknown): void => {
        this.#forget(worker);
        settle(() => reject(error));
      };
      const onExit = (): void => {
        this.#forget(worker);
        settle(() => reject(new Error("the evaluation's thread ended")));
      };
      const before = this.#cpu;
      const until = performance.now() + PATIENCE * timeoutMs;
      let timer: NodeJS.Timeout;
      const wait = (ms: number): void => {
        timer = setTimeout(late, Math.max(1, Math.min(ms, until - performance.now())));
      };
      const late = async (): Promise<void> => {
        const { user, system } = await worker.cpuUsage().catch(() => ({ user: Number.POSITIVE_INFINITY, system: 0 }));
        if (settled) return;
        const left = timeoutMs - (user + system - before) / 1000;
        if (left > 0 && performance.now() < until) wait(left);
        else settle(() => this.#end().then(() => reject(new DeadlineError(timeoutMs)), reject));
      };
      wait(timeoutMs);
      worker.on("message", onMessage).on("error", onError).on("exit", onExit);
      worker.postMessage(message, transfer);
    });
  }

  #start(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // Beside us as source or as compiled for npm: tsc rewrites imports, and not URLs.
    const file = import.meta.url.endsWith(".ts") ? "./worker-thread.ts" : "./worker-thread.js";
    const worker = new Worker(new URL(file, import.meta.url), {
      // The process's own flags (--inspect, --eval) are no business of the thread's.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
    });
    worker.on("error", () => this.#forget(worker));
    this.#worker = worker;
    this.#cpu = 0;
    this.#loaded = new Set();
    return worker;
  }

  #forget(worker: Worker): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#loaded = new Set();
  }

  async #end(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#forget(worker);
    await worker.terminate();
  }

  #rest(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.#end(), this.#limits.idleMs);
    this.#idle.unref();
  }
}

let shared: EvaluationWorker | undefined;

/** The process's one worker: large inputs are rare, and a thread for each policy would only hold memory. */
export function sharedWorker(): EvaluationWorker {
  shared ??= new EvaluationWorker();
  return shared;
}
