import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { errorMessage, UserError } from "../../base/errors.ts";
import { migrate } from "./migrate.ts";
import { onPipeFrames, pipeFrame } from "./pipe-frames.ts";
import {
  type QueryOptions,
  type Question,
  type QuestionAnswer,
  type RowBatch,
  readSettings,
  type Store,
  type StoredBody,
} from "./store.ts";
import { parseStoreError, STORE_CODES, StoreError } from "./store-error.ts";

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
/** How long the lock of a child that is just dying is waited for. */
export const LOCK_MS = 15_000;
type Unnumbered<T> = T extends unknown ? Omit<T, "id"> : never;

/** A running child and the requests that it has not answered. */
class Child {
  readonly #process: ChildProcess;
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
    const { PATH, TMPDIR, LD_LIBRARY_PATH } = process.env;
    this.#process = spawn(process.execPath, [fileURLToPath(entry), path, tenant], {
      stdio: ["pipe", "ignore", "pipe", "pipe"],
      env: { PATH, TMPDIR, LD_LIBRARY_PATH, TZ: "UTC" },
    });
    this.#process.stdin?.on("error", () => {}); // EPIPE: `exit` tells it better
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
    onPipeFrames<ChildReply>(this.#process.stdio[3] as Readable, (reply, body) => {
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
    for (const part of pipeFrame({ ...request, id }, body)) this.#process.stdin?.write(part);
  }

  #expect(id: number, resolve: (body: Buffer, reply: ChildReply) => void, reject: (error: Error) => void): void {
    const timer = setTimeout(() => this.kill(), DEADLINE_MS);
    this.#waiting.set(id, { resolve, reject, timer });
  }
}

/** chDB in a child process, started again when it dies. The folder's lock is chDB's own: one process for a path. */
class ChdbStore implements Store {
  readonly #path: string;
  readonly #lockMs: number;
  readonly #tenant: string | undefined;
  #child: Promise<Child> | undefined;
  #closed = false;

  constructor(path: string, { lockMs = LOCK_MS, tenant }: ChdbOptions) {
    this.#path = path;
    this.#lockMs = lockMs;
    this.#tenant = tenant;
  }

  async insert(batch: RowBatch): Promise<void> {
    const newline = Buffer.from("\n");
    const body = Buffer.concat(batch.lines.flatMap((line) => [line, newline]));
    const child = await this.#running();
    await child.request({ op: "insert", table: "events", format: "JSONEachRow", token: batch.token }, [body]);
  }

  async insertBodies(bodies: readonly StoredBody[]): Promise<void> {
    const lines = bodies.map(({ tenant, sha256, content, size = content.length, chunks = [] }) =>
      tabSeparated([tenant, sha256, String(size)], content, `[${chunks.map((chunk) => `'${chunk}'`).join(",")}]`),
    );
    const child = await this.#running();
    await child.request({ op: "insert", table: "bodies", format: "TabSeparated", token: "" }, lines);
  }

  async query<Row>(sql: string, params: Record<string, unknown> = {}, options: QueryOptions = {}): Promise<Row[]> {
    return parseRows<Row>(await this.queryText(sql, params, options));
  }

  /** As `query`, unparsed: one JSON object a line. */
  async queryText(sql: string, params: Record<string, unknown>, options: QueryOptions): Promise<string> {
    const child = await this.#running();
    return (await child.request({ op: "query", sql: `${sql}\n${readSettings(options)}`, params })).toString("utf8");
  }

  async ask({ tenant, ...question }: Question): Promise<QuestionAnswer> {
    if (this.#tenant === undefined || tenant !== this.#tenant) {
      throw new StoreError(STORE_CODES.accessDenied, `this store was not opened for readers of tenant ${tenant}`);
    }
    return (await this.#running()).ask(question);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const child = await this.#child?.catch(() => undefined);
    await child?.close();
  }

  /** Starts the child where none runs. Rejects where it cannot start. */
  async open(): Promise<void> {
    await this.#running();
  }

  #running(): Promise<Child> {
    if (this.#closed) return Promise.reject(new Error("the store is closed"));
    this.#child ??= this.#start().then(
      (child) => {
        void child.exited.then(() => {
          this.#child = undefined;
        });
        return child;
      },
      (error: unknown) => {
        this.#child = undefined;
        throw error;
      },
    );
    return this.#child;
  }

  async #start(): Promise<Child> {
    const until = Date.now() + this.#lockMs;
    for (;;) {
      const child = new Child(this.#path, this.#tenant ?? "");
      try {
        await child.opened();
        await migrate(async (sql) =>
          parseRows((await child.request({ op: "query", sql, params: {} })).toString("utf8")),
        );
        return child;
      } catch (error) {
        child.kill();
        await child.exited;
        const locked = /Cannot lock file/.test(`${errorMessage(error)} ${child.stderr}`);
        if (locked && Date.now() < until && !this.#closed) {
          await new Promise((resolve) => setTimeout(resolve, 200));
          continue;
        }
        if (locked) {
          throw new UserError(`the store ${this.#path} is in use by another process`, {
            next: "A running gateway answers questions itself: ask it over HTTP (leave out --config), or stop it first.",
            cause: error,
          });
        }
        if (error instanceof UserError) throw error;
        throw new Error(`the store ${this.#path} cannot be opened: ${errorMessage(error)} ${child.stderr.trim()}`, {
          cause: error,
        });
      }
    }
  }
}

export interface ChdbOptions {
  lockMs?: number;
  /** Whose rows `ask` answers with; it refuses where absent. */
  tenant?: string | undefined;
}

/** Opens chDB at `path`, migrated. Throws a UserError where another process has it, or its schema is newer. */
export async function openChdbStore(
  path: string,
  options: ChdbOptions = {},
): Promise<Store & { queryText: ChdbStore["queryText"] }> {
  const store = new ChdbStore(path, options);
  await store.open();
  return store;
}

export function parseRows<Row>(text: string): Row[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0" };

/** A row of ClickHouse's TabSeparated, which takes any bytes once these five are escaped; JSON would not. */
function tabSeparated(columns: readonly string[], content: Buffer, chunks: string): Buffer {
  const escaped = (value: string): string => value.replace(/[\\\t\n\r\0]/g, (c) => ESCAPES[c] ?? c);
  const head = columns.map((column) => escaped(Buffer.from(column).toString("latin1"))).join("\t");
  return Buffer.from(`${head}\t${escaped(content.toString("latin1"))}\t${chunks}\n`, "latin1");
}
