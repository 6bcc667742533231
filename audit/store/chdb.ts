import { errorMessage, UserError } from "../../base/errors.ts";
import { BatchFiles } from "./batch-files.ts";
import { ChdbProcess } from "./chdb-process.ts";
import { migrate } from "./migrate.ts";
import { quoted } from "./readers-sql.ts";
import { bodyLines, parseRows, rowLines } from "./rows.ts";
import {
  type QueryOptions,
  type Question,
  type QuestionAnswer,
  type RowBatch,
  readSettings,
  type Store,
  type StoredBody,
} from "./store.ts";
import { STORE_CODES, StoreError } from "./store-error.ts";

export { parseRows } from "./rows.ts";

/** How long the lock of a child that is just dying is waited for. */
export const LOCK_MS = 15_000;

/** In bytes: a batch of less is inserted in the time that its file would take. */
const FILE_FROM = 256 * 1024;
/** One block, so that a batch is there whole or not at all, and one token's. */
const LOAD = `INSERT INTO events SELECT * FROM file({file:String}, 'JSONEachRow')
SETTINGS max_threads=1, max_insert_threads=1, input_format_parallel_parsing=0, insert_deduplicate=1, max_block_size=1000000,
max_insert_block_size=1000000, min_insert_block_size_rows=1000000, min_insert_block_size_bytes=1073741824`;

/** chDB in a child process, started again when it dies. The folder's lock is chDB's own: one process for a path. */
class ChdbStore implements Store {
  readonly #path: string;
  readonly #lockMs: number;
  readonly #tenant: string | undefined;
  readonly #files: BatchFiles;
  #child: Promise<ChdbProcess> | undefined;
  #closed = false;

  constructor(path: string, { lockMs = LOCK_MS, tenant }: ChdbOptions) {
    this.#path = path;
    this.#files = new BatchFiles(path);
    this.#lockMs = lockMs;
    this.#tenant = tenant;
  }

  async insert({ lines, token }: RowBatch): Promise<void> {
    const child = await this.#running();
    const large = lines.reduce((sum, line) => sum + line.length, 0) >= FILE_FROM;
    const file = large ? await this.#files.write(lines) : undefined;
    if (file === undefined) {
      await child.request({ op: "insert", table: "events", format: "JSONEachRow", token }, [rowLines(lines)]);
      return;
    }
    try {
      await child.request({
        op: "query",
        sql: `${LOAD}, insert_deduplication_token=${quoted(token)}`,
        params: { file },
      });
    } finally {
      await this.#files.remove(file);
    }
  }

  async insertBodies(bodies: readonly StoredBody[]): Promise<void> {
    const child = await this.#running();
    await child.request({ op: "insert", table: "bodies", format: "TabSeparated", token: "" }, bodyLines(bodies));
  }

  async query<Row>(sql: string, params: Record<string, unknown> = {}, options: QueryOptions = {}): Promise<Row[]> {
    return parseRows<Row>(await this.queryText(sql, params, options));
  }

  async queryText(sql: string, params: Record<string, unknown> = {}, options: QueryOptions = {}): Promise<string> {
    const child = await this.#running();
    return (await child.request({ op: "query", sql: `${sql}\n${readSettings(options)}`, params })).toString("utf8");
  }

  async remove(table: "events" | "bodies", where: string, params: Record<string, unknown>): Promise<void> {
    const child = await this.#running();
    const sql = `ALTER TABLE ${table} DELETE WHERE ${where} SETTINGS mutations_sync=2`;
    await child.request({ op: "query", sql, params });
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

  #running(): Promise<ChdbProcess> {
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

  async #start(): Promise<ChdbProcess> {
    const until = Date.now() + this.#lockMs;
    for (;;) {
      const child = new ChdbProcess(this.#path, this.#tenant ?? "");
      try {
        await child.opened();
        this.#files.clear();
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
export async function openChdbStore(path: string, options: ChdbOptions = {}): Promise<Store> {
  const store = new ChdbStore(path, options);
  await store.open();
  return store;
}
