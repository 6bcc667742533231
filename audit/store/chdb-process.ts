import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { onPipeFrames, pipeFrame } from "./pipe-frames.ts";
import type { Question, QuestionAnswer } from "./store.ts";
import { parseStoreError, StoreError } from "./store-error.ts";

export type ChildRequest =
  | { id: number; op: "insert"; table: string; format: "JSONEachRow" | "TabSeparated"; token: string }
  | { id: number; op: "query"; sql: string; params: Record<string, unknown> }
  | { id: number; op: "ask"; question: Omit<Question, "tenant"> }
  | { id: number; op: "close" };
/** Id 0 is the opening of the store. */
export interface ChildReply {
  id: number;
  error?: string;
  /** ClickHouse's number of the error, where it is one of ours. */
  code?: number;
  /** Of an `ask`, whose bytes are the reply's. */
  answer?: Omit<QuestionAnswer, "bytes">;
}

/** How long one request may take before the child is taken for stuck and ended. */
const DEADLINE_MS = 120_000;
type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

/** A running child and the requests that it has not answered. */
export class ChdbProcess {
  readonly #process: ChildProcess;
  readonly #pipe: Duplex;
  readonly #waiting = new Map<
    number,
    { resolve(body: Buffer, reply: ChildReply): void; reject(error: Error): void; timer?: NodeJS.Timeout }
  >();
  readonly exited: Promise<void>;
  #next = 1;
  #stderr = "";
  #gone: Error | undefined;

  constructor(path: string, tenant: string) {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    // The same extension as this file: .ts in a checkout, .js in the package (tsc does not rewrite URLs).
    const entry = new URL(`./chdb-child${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
    const { PATH, TMPDIR, LD_LIBRARY_PATH, NODE_COMPILE_CACHE } = process.env;
    this.#process = spawn(process.execPath, [fileURLToPath(entry), path, tenant], {
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: { PATH, TMPDIR, LD_LIBRARY_PATH, NODE_COMPILE_CACHE, TZ: "UTC" },
    });
    this.#pipe = this.#process.stdio[3] as Duplex;
    this.#pipe.on("error", () => {}); // EPIPE: `exit` tells it better
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString("utf8")).slice(-2000);
    });
    this.exited = new Promise((resolve) => {
      const ended = (why: string): void => {
        this.#gone ??= new Error(
          `the store's process ended (${why})${this.#stderr === "" ? "" : `: ${this.#stderr.trim()}`}`,
        );
        for (const { reject, timer } of this.#waiting.values()) {
          clearTimeout(timer);
          reject(this.#gone);
        }
        this.#waiting.clear();
        resolve();
      };
      this.#process.on("error", (error) => ended(error.message));
      this.#process.on("close", (code, signal) => ended(signal ?? `exit ${code}`));
    });
    onPipeFrames<ChildReply>(this.#pipe, (reply, body) => {
      const { id, error, code } = reply;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      clearTimeout(waiting?.timer);
      if (error === undefined) waiting?.resolve(Buffer.from(body), reply);
      else
        waiting?.reject(
          code === undefined ? (parseStoreError(error) ?? new Error(error)) : new StoreError(code, error),
        );
    });
  }

  /** The last that it said; complete once it has exited. chDB tells the cause of a failed start only here. */
  get stderr(): string {
    return this.#stderr;
  }

  opened(): Promise<unknown> {
    return new Promise((resolve, reject) => this.#expect(0, resolve, reject));
  }

  request(request: Unnumbered<ChildRequest>, body?: readonly Uint8Array[]): Promise<Buffer> {
    return new Promise((resolve, reject) => this.#send(request, resolve, reject, body));
  }

  ask(question: Omit<Question, "tenant">): Promise<QuestionAnswer> {
    return new Promise((resolve, reject) => {
      const answered = (bytes: Buffer, { answer }: ChildReply): void => {
        if (answer === undefined) reject(new Error("the store's process answered something else"));
        else resolve({ ...answer, bytes });
      };
      this.#send({ op: "ask", question }, answered, reject);
    });
  }

  async close(): Promise<void> {
    const timer = setTimeout(() => this.kill(), 10_000);
    await this.request({ op: "close" }).catch(() => this.kill());
    await this.exited;
    clearTimeout(timer);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #send(
    request: Unnumbered<ChildRequest>,
    resolve: (body: Buffer, reply: ChildReply) => void,
    reject: (error: Error) => void,
    body?: readonly Uint8Array[],
  ): void {
    if (this.#gone !== undefined) {
      reject(this.#gone);
      return;
    }
    const id = this.#next++;
    this.#expect(id, resolve, reject);
    for (const part of pipeFrame({ ...request, id }, body)) this.#pipe.write(part);
  }

  #expect(id: number, resolve: (body: Buffer, reply: ChildReply) => void, reject: (error: Error) => void): void {
    const timer = setTimeout(() => this.kill(), DEADLINE_MS);
    this.#waiting.set(id, { resolve, reject, timer });
  }
}
