import type { ClickHouseSettings } from "@clickhouse/client";
import { UserError } from "../../base/errors.ts";
import { TENANT_TABLES } from "./access.ts";
import { forCluster } from "./cluster.ts";
import { migrate } from "./migrate.ts";
import {
  checkAnswer,
  checkLength,
  quoted,
  READER_BYTES,
  READER_ROWS,
  READER_SECONDS,
  readerSettings,
  readersSql,
} from "./readers-sql.ts";
import { BODY_COLUMNS, bodyLines, parseRows, rowLines } from "./rows.ts";
import { retried, ServerClient, type ServerLocation } from "./server-client.ts";
import {
  type QueryOptions,
  type Question,
  type QuestionAnswer,
  READER_MEMORY,
  type RowBatch,
  readSettings,
  type Store,
  type StoredBody,
  spillSettings,
} from "./store.ts";
import { STORE_CODES, StoreError } from "./store-error.ts";

/** Blocks go in whole: a batch that was cut in two could be there in half, and has two tokens' worth of blocks. */
const INSERT: ClickHouseSettings = {
  async_insert: 0,
  wait_end_of_query: 1,
  insert_deduplicate: 1,
  input_format_parallel_parsing: 0,
  max_insert_block_size: "1000000",
  min_insert_block_size_rows: "1000000",
  min_insert_block_size_bytes: "536870912",
};

/**
 * Off for people's SQL. A condition that moves below the tenant's, or is merged with it, is tried on rows of other
 * tenants, and its errors tell of them, with their values: `WHERE toInt64(username) = 0` [26.7].
 */
const BARRIERS = [
  ...["optimize_move_to_prewhere", "query_plan_optimize_prewhere", "query_plan_merge_filters"],
  "enable_join_runtime_filters",
];

/** The record in a ClickHouse server or cluster, by the vendor's own client over HTTP. */
class ServerStore implements Store {
  readonly #location: ServerLocation;
  readonly #database: string;
  readonly #client: ServerClient;
  #ready: Promise<void> | undefined;
  #tableFunctions: ReadonlySet<string> | undefined;
  #known: Record<string, string> | undefined;

  constructor(location: ServerLocation) {
    this.#location = location;
    this.#database = location.database ?? "sallyport";
    this.#client = new ServerClient(location, this.#database);
  }

  async insert({ lines, token }: RowBatch): Promise<void> {
    await this.#insert("events", "FORMAT JSONEachRow", rowLines(lines), { insert_deduplication_token: token });
  }

  async insertBodies(bodies: readonly StoredBody[]): Promise<void> {
    await this.#insert(`bodies (${BODY_COLUMNS})`, "FORMAT TabSeparated", Buffer.concat(bodyLines(bodies)));
  }

  async query<Row>(sql: string, params: Record<string, unknown> = {}, options: QueryOptions = {}): Promise<Row[]> {
    return parseRows<Row>(await this.queryText(sql, params, options));
  }

  async queryText(sql: string, params: Record<string, unknown> = {}, options: QueryOptions = {}): Promise<string> {
    await this.#opened();
    // Joins of distributed tables are refused else.
    const joins = this.#location.cluster === undefined ? "" : ", distributed_product_mode='global'";
    const text = `${sql}\n${readSettings(options)}${joins}`;
    return (await retried(() => this.#client.exec(text, { params }))).bytes.toString("utf8");
  }

  async ask({ sql, params = {}, tenant, format, ...limits }: Question): Promise<QuestionAnswer> {
    checkLength(sql);
    await this.#opened();
    const started = performance.now();
    const [formatted, databases] = await Promise.all([this.#formatQuery(sql), this.#otherDatabases()]);
    const prepared = readersSql(formatted, params, await this.#functions(), databases);
    const chosen = prepared.format ?? format ?? "JSONEachRow";
    if (!/^\w{1,64}$/.test(chosen)) throw new StoreError(STORE_CODES.unknownFormat, `Unknown format ${chosen}`);
    const settings: Record<string, string | number> = {
      max_result_rows: String(READER_ROWS),
      max_execution_time: String(READER_SECONDS),
      ...readerSettings({ sql, ...limits }),
      max_result_bytes: String(READER_BYTES),
      max_memory_usage: String(READER_MEMORY),
      ...spillSettings(READER_MEMORY),
      result_overflow_mode: "throw",
      allow_ddl: "0",
      distributed_product_mode: "global",
      additional_table_filters: tenantFilters(this.#database, tenant),
      ...(await this.#barriers()),
      readonly: "1",
    };
    const { bytes, summary } = await retried(() => this.#client.exec(prepared.sql, { format: chosen, settings }));
    checkAnswer(bytes);
    const seconds = (performance.now() - started) / 1000;
    return {
      format: chosen,
      bytes,
      seconds,
      rowsRead: Number(summary.read_rows ?? 0),
      bytesRead: Number(summary.read_bytes ?? 0),
    };
  }

  async remove(table: "events" | "bodies", where: string, params: Record<string, unknown>): Promise<void> {
    await this.#opened();
    const { cluster } = this.#location;
    const target = cluster === undefined ? table : `${table}_local ON CLUSTER ${quoted(cluster)}`;
    // The replicas run the subquery each by themselves; it names values only.
    const settings = { mutations_sync: "2", allow_nondeterministic_mutations: 1 } as const;
    await retried(() => this.#client.exec(`ALTER TABLE ${target} DELETE WHERE ${where}`, { params, settings }));
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** Migrates where the server is there; else the first request that finds it does, and the spool keeps what comes. */
  async open(): Promise<void> {
    try {
      await this.#opened();
    } catch (error) {
      if (error instanceof UserError || (error instanceof StoreError && error.code !== STORE_CODES.noReply))
        throw error;
    }
  }

  #opened(): Promise<void> {
    this.#ready ??= this.#migrate().catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #migrate(): Promise<void> {
    const { cluster } = this.#location;
    const on = cluster === undefined ? "" : ` ON CLUSTER ${quoted(cluster)}`;
    const name = `\`${this.#database}\``;
    const present = await retried(() =>
      this.#client.exec(`SELECT name FROM system.databases WHERE name = ${quoted(this.#database)}`, {
        database: "default",
      }),
    );
    if (present.bytes.length === 0)
      await this.#client.exec(`CREATE DATABASE IF NOT EXISTS ${name}${on}`, { database: "default" });
    await migrate(
      async (sql) => parseRows((await this.#client.exec(sql)).bytes.toString("utf8")),
      cluster === undefined ? undefined : { statement: (sql) => forCluster(sql, cluster) },
    );
  }

  async #insert(table: string, format: string, body: Buffer, settings: ClickHouseSettings = {}): Promise<void> {
    await this.#opened();
    const distributed: ClickHouseSettings =
      this.#location.cluster === undefined ? {} : { distributed_foreground_insert: 1 };
    await this.#client.exec(`INSERT INTO ${table} ${format}`, {
      body,
      settings: { ...INSERT, ...distributed, ...settings },
    });
  }

  async #formatQuery(sql: string): Promise<string> {
    const { bytes } = await retried(() =>
      this.#client.exec("SELECT formatQuery({sql:String}) AS sql", { params: { sql }, format: "TabSeparatedRaw" }),
    );
    return bytes.toString("utf8");
  }

  /** An older server does not know them all, nor does what they turn off. */
  async #barriers(): Promise<Record<string, string>> {
    if (this.#known === undefined) {
      const rows = await this.query<{ name: string }>(
        "SELECT name FROM system.settings WHERE name IN {names:Array(String)}",
        { names: BARRIERS },
      );
      this.#known = Object.fromEntries(rows.map(({ name }) => [name, "0"]));
    }
    return this.#known;
  }

  /** Of whoever else has this server: our user may be able to read there, and people's SQL may not. */
  async #otherDatabases(): Promise<ReadonlySet<string>> {
    const rows = await this.query<{ name: string }>(
      "SELECT name FROM system.databases WHERE name NOT IN (currentDatabase(), 'system', 'information_schema', 'INFORMATION_SCHEMA')",
    );
    return new Set(rows.map(({ name }) => name));
  }

  async #functions(): Promise<ReadonlySet<string>> {
    if (this.#tableFunctions === undefined) {
      const rows = await this.query<{ name: string }>("SELECT name FROM system.table_functions");
      this.#tableFunctions = new Set(rows.map(({ name }) => name));
    }
    return this.#tableFunctions;
  }
}

/** Whose rows a question sees; readersSql lets no subquery have settings that would take it away. */
function tenantFilters(database: string, tenant: string): string {
  const filter = quoted(`tenant = ${quoted(tenant)}`);
  const tables = TENANT_TABLES.flatMap((table) => [table, `${table}_local`]);
  const own = quoted(database);
  const filters = [
    ...tables.map((table) => [`${database}.${table}`, filter]),
    // Which databases and tables there are beside the record is nobody's question.
    ["system.tables", quoted(`database = ${own}`)],
    ["system.columns", quoted(`database = ${own}`)],
    ["system.databases", quoted(`name = ${own}`)],
  ];
  return `{${filters.map(([table = "", only]) => `${quoted(table)}:${only}`).join(",")}}`;
}

/**
 * Opens the record in a server. One that is away is no error: the spool keeps what comes until it is back. Throws a
 * UserError where its schema is newer, and a StoreError where it refuses us.
 */
export async function openServerStore(location: ServerLocation): Promise<Store> {
  const store = new ServerStore(location);
  await store.open();
  return store;
}
