/** Where events are kept: contracts §3 `audit.store`. */
export type StoreLocation =
  | { embedded: string }
  | {
      url: string;
      userFile?: string | undefined;
      passwordFile?: string | undefined;
      caFile?: string | undefined;
      /** `sallyport` where absent; created where it is not there. */
      database?: string | undefined;
      /** Tables are made on every node of this cluster, replicated and distributed over its shards. */
      cluster?: string | undefined;
    };

export interface RowBatch {
  /** Rows of `events`, one JSON object a line, as the spool has them. */
  lines: readonly Buffer[];
  /** The same for the same rows: a store drops a second insert under one token. */
  token: string;
}

export interface StoredBody {
  tenant: string;
  /** Lower-case hex. */
  sha256: string;
  content: Buffer;
  /** Bytes of the whole, where it is parted. */
  size?: number;
  /** SHA-256 of its parts in their order (lower-case hex), where it is parted; `content` is empty then. */
  chunks?: readonly string[];
}

export interface QueryOptions {
  /** Refuses (never truncates) a larger answer; 1,000,000 where absent. */
  maxRows?: number;
  /** 30 where absent. */
  maxSeconds?: number;
  /** In bytes; READER_MEMORY where absent. */
  maxMemory?: number;
}

/** What a person asks in SQL of their own. */
export interface Question {
  sql: string;
  /** Whose rows there are for this question; no others are. */
  tenant: string;
  /** Values of the query's `{name:Type}`, as text (ClickHouse's HTTP interface: `param_<name>`, escaped as in TSV). */
  params?: Readonly<Record<string, string>>;
  /** ClickHouse's name of an output format; the query's own FORMAT wins over it, JSONEachRow where neither is. */
  format?: string;
  /** Caps below the store's own. */
  maxRows?: number;
  maxSeconds?: number;
  /** How values are written: settings of output formats (`output_format_json_quote_64bit_integers`), no others. */
  output?: Readonly<Record<string, string>>;
}

export interface QuestionAnswer {
  /** The format that `bytes` are in. */
  format: string;
  bytes: Uint8Array;
  rowsRead: number;
  bytesRead: number;
  seconds: number;
  /** Shows a row of the answer, once it is read, with the persons whose keys this host has (audit/personal). */
  reveal?: <Row>(row: Row) => Row;
}

/** Answers people's SQL: one SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN of one tenant's record, and nothing else. */
export interface QuestionReader {
  /** Throws a StoreError, with ClickHouse's code, where the query is wrong, not allowed or over its limits. */
  ask(question: Question): Promise<QuestionAnswer>;
}

/** Reads with the limits that every reader has: read-only, no files, no network, time and rows capped. */
export interface StoreReader {
  /** Rows as JSON objects; parameters are bound by the server (`{name:Type}`), never spliced into the text. */
  query<Row = Record<string, unknown>>(
    sql: string,
    params?: Record<string, unknown>,
    options?: QueryOptions,
  ): Promise<Row[]>;
}

/** A ClickHouse, embedded or a server. Methods reject when it is away; the caller tries again. */
export interface Store extends StoreReader, QuestionReader {
  /** Resolves when the rows would survive a crash of the machine. All or nothing, as far as one block goes. */
  insert(batch: RowBatch): Promise<void>;
  insertBodies(bodies: readonly StoredBody[]): Promise<void>;
  /** As `query`, unparsed: one JSON object a line. */
  queryText(sql: string, params?: Record<string, unknown>, options?: QueryOptions): Promise<string>;
  /** Removes rows for good, on all nodes; `where` is our own SQL, its values are bound. Slow: parts are written again. */
  remove(table: "events" | "bodies", where: string, params: Record<string, unknown>): Promise<void>;
  close(): Promise<void>;
}

/**
 * In bytes, of one query: of people's there are two at once in an embedded store, and one of ours. A dashboard's charts over
 * a month of 2.5 million events took up to 2.5 GB, and pass here since what is grouped or sorted goes to disk in part.
 */
export const READER_MEMORY = 1_000_000_000;

/** What a query holds in memory before it uses the disk, and what it may use there: the recorder needs it as well. */
export function spillSettings(maxMemory: number): Record<string, number> {
  const from = Math.floor(maxMemory * 0.3);
  return {
    max_bytes_before_external_group_by: from,
    max_bytes_before_external_sort: from,
    max_temporary_data_on_disk_size_for_query: 4 * maxMemory,
  };
}

/** Limits of every reader's query, appended to it. readonly=1 also refuses file(), url() and the like; 2 does not. */
export function readSettings({
  maxSeconds = 30,
  maxMemory = READER_MEMORY,
  maxRows = 1_000_000,
}: QueryOptions = {}): string {
  const spill = Object.entries(spillSettings(maxMemory)).map(([name, value]) => `, ${name}=${value}`);
  return `SETTINGS readonly=1, max_execution_time=${maxSeconds}, max_memory_usage=${maxMemory}${spill.join("")}, result_overflow_mode='throw', max_result_rows=${maxRows}`;
}
