import type { Question } from "./store.ts";
import { STORE_CODES, StoreError } from "./store-error.ts";

/** Longer texts are refused before ClickHouse parses them (its own max_query_size is 256 KiB as well). */
export const MAX_QUERY_BYTES = 262_144;

export const READER_SECONDS = 30;
export const READER_ROWS = 1_000_000;
export const READER_BYTES = 64 * 1024 * 1024;

/** ClickHouse counts an answer's columns: a format may write them many times as large. Throws a StoreError. */
export function checkAnswer({ byteLength }: Uint8Array): void {
  if (byteLength > READER_BYTES) {
    throw new StoreError(STORE_CODES.tooMuch, `the answer is larger than ${READER_BYTES} bytes as it is written`);
  }
}

/** Throws a StoreError where a query is too long to be parsed. */
export function checkLength(sql: string): void {
  if (Buffer.byteLength(sql) > MAX_QUERY_BYTES) {
    throw new StoreError(STORE_CODES.syntaxError, `the query is longer than ${MAX_QUERY_BYTES} bytes`);
  }
}

/** How an answer is written, and nothing else: other settings name files, lift limits or undo what readers may see. */
const OUTPUT_SETTING =
  /^(?:output_format_(?:json|native|binary|tsv|csv|decimal|arrow|parquet)_\w+|date_time_output_format)$/;

/** The settings of one question: caps below the readers' own, and how its answer is written. Throws a StoreError. */
export function readerSettings({ maxRows, maxSeconds, output = {} }: Omit<Question, "tenant">): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const [name, value] of Object.entries(output)) {
    if (!OUTPUT_SETTING.test(name) || !/^\w{0,64}$/.test(value))
      refuse(`the setting ${name} is not for readers of the record`);
    settings[name] = value;
  }
  if (maxRows !== undefined) settings.max_result_rows = String(Math.max(1, Math.min(READER_ROWS, Math.floor(maxRows))));
  if (maxSeconds !== undefined) {
    settings.max_execution_time = String(Math.max(1, Math.min(READER_SECONDS, Math.ceil(maxSeconds))));
  }
  return settings;
}

/** Table functions that make rows out of nothing. All others read tables past their row policies, files or networks. */
const TABLE_FUNCTIONS = new Set([
  ...["numbers", "numbers_mt", "zeros", "zeros_mt", "primes", "generate_series", "generateSeries", "values", "null"],
  ...["format", "view"],
]);
/**
 * Functions that reach out of the query: files, dictionaries, other servers, models, settings; and those that only
 * wait. The access rights cover most of it; file() of an embedded store asks for none [26.7].
 */
const FUNCTIONS =
  /^(?:file|filesystem.*|dict.*|joinGet.*|catboostEvaluate|hasColumnInTable|naiveBayes.*|ai[A-Z_].*|generateSerialID|showCertificate|get(?:Server|MergeTree)?Setting(?:OrDefault)?|getMacro|getClientHTTPHeader|logTrace|sleep.*|executable|evalMLMethod|(?:address|demangle).*|structureTo.*)$/i;
/** Tables of `system` that tell of ClickHouse, and nothing of who else asks or what is kept. */
const SYSTEM_TABLES = new Set([
  ...["one", "numbers", "numbers_mt", "zeros", "databases", "tables", "columns", "functions", "formats", "keywords"],
  ...["data_type_families", "table_functions", "aggregate_function_combinators", "build_options", "time_zones"],
  ...["contributors", "licenses", "settings", "collations"],
]);

/** What ClickHouse says of its tables, and among it how much is kept of all tenants together, and where. */
const CATALOGUE = /^(?:system\.(?:tables|columns|databases)|information_schema\.tables)$/i;
const QUANTITIES = new Set([
  ...["total_rows", "total_bytes", "total_bytes_uncompressed", "total_marks", "lifetime_rows", "lifetime_bytes"],
  ...["parts", "active_parts", "data_compressed_bytes", "data_uncompressed_bytes", "marks_bytes", "statistics"],
  ...["table_rows", "data_length", "index_length", "data_path", "data_paths", "metadata_path"],
]);
/** Where a row lies in its part counts the rows of other tenants that lie before it. */
const PLACES = /^_(?:part|block)\w*$/i;

export type Token = { type: "word" | "quoted" | "string" | "parameter" | "other"; text: string; at: number };

const TOKEN =
  /\s+|(?<string>'(?:[^'\\]|\\.)*')|(?<quoted>`(?:[^`\\]|\\.)*`|"(?:[^"\\]|\\.)*")|(?<parameter>\{[A-Za-z_]\w*:[^{}]*\})|(?<word>[A-Za-z_]\w*)|(?<other>\d[\w.]*|.)/gsu;

/** Parts the text of a query as ClickHouse itself writes it (`formatQuery`): no comments, no heredocs. */
export function tokens(sql: string): Token[] {
  const found: Token[] = [];
  for (const match of sql.matchAll(TOKEN)) {
    for (const type of ["word", "other", "string", "quoted", "parameter"] as const) {
      const text = match.groups?.[type];
      if (text !== undefined) found.push({ type, text, at: match.index });
    }
  }
  return found;
}

function refuse(message: string): never {
  throw new StoreError(STORE_CODES.readonly, message);
}

export interface ReadersSql {
  /** To be run as it is: no parameters are left, and no FORMAT. */
  sql: string;
  /** What the query itself asked for. */
  format: string | undefined;
}

/**
 * What may be run of a person's query, written by ClickHouse's own parser (`formatQuery`), so that nothing of it is
 * left to read in two ways: one statement that reads, with no settings of its own, no files, no functions that reach
 * out. Parameters are put in as ClickHouse does it itself (a cast of the text), since chDB runs all queries that bind
 * parameters one after another. Throws a StoreError.
 *
 * @param tableFunctions names of `system.table_functions` of the ClickHouse that will run it
 * @param databases of the same ClickHouse that hold something else than the record
 */
export function readersSql(
  formatted: string,
  params: Readonly<Record<string, string>>,
  tableFunctions: ReadonlySet<string>,
  databases: ReadonlySet<string> = new Set(),
): ReadersSql {
  // Checked once it is whole: an Identifier could be bound to the name of a database.
  const sql = withValues(formatted, params);
  const all = tokens(sql);
  checkStatement(all);
  for (const [i, token] of all.entries()) {
    if (token.type === "word" || token.type === "quoted") checkName(all, i, tableFunctions, databases);
  }
  checkCatalogue(all);
  const [keyword, name] = all.slice(-2);
  if (keyword?.type !== "word" || keyword.text !== "FORMAT" || name === undefined || name.type === "other") {
    return { sql, format: undefined };
  }
  return { sql: sql.slice(0, keyword.at), format: unquoted(name) };
}

/** The query with its parameters' values in it. */
export function withValues(formatted: string, params: Readonly<Record<string, string>>): string {
  let sql = "";
  let from = 0;
  for (const token of tokens(formatted)) {
    if (token.type !== "parameter") continue;
    sql += formatted.slice(from, token.at) + bound(token.text, params);
    from = token.at + token.text.length;
  }
  return sql + formatted.slice(from);
}

/** What ClickHouse calls a table function that this code does not know is refused as well. */
function checkName(
  all: readonly Token[],
  i: number,
  tableFunctions: ReadonlySet<string>,
  databases: ReadonlySet<string>,
): void {
  const token = all[i];
  if (token === undefined) return;
  const name = unquoted(token);
  const next = all[i + 1]?.text;
  // A function's name without its brackets may be applied to columns: `* APPLY(file)`.
  const reaches = FUNCTIONS.test(name) || (next === "(" && tableFunctions.has(name) && !TABLE_FUNCTIONS.has(name));
  if (reaches) {
    refuse(`${name}() is not for readers of the record: it reaches beyond it`);
  }
  // Whatever follows: a setting's name may have dots (`SETTINGS SQL_a.b = 1, additional_table_filters = {}`).
  if (token.type === "word" && (token.text === "OUTFILE" || token.text === "SETTINGS")) {
    refuse(`${token.text} is not for readers of the record: limits and output are given`);
  }
  // Evaluated before the filters of a server, rows of other tenants included.
  if (token.type === "word" && token.text === "PREWHERE")
    refuse("PREWHERE is not for readers of the record: say WHERE");
  if (PLACES.test(name)) refuse(`${name} is not for readers of the record: it counts rows of others`);
  if (next === "." && all[i - 1]?.text !== "." && databases.has(name)) {
    refuse(`the database ${name} is not for readers of the record`);
  }
  // Elsewhere than at the start they are subqueries that tell of plans and of other tables.
  if (i > 0 && token.type === "word" && /^(?:EXPLAIN|DESCRIBE)$/.test(token.text)) {
    refuse(`${token.text} is allowed as a statement only`);
  }
  if (name.toLowerCase() === "system" && next === "." && !SYSTEM_TABLES.has(unquoted(all[i + 2]))) {
    const table = unquoted(all[i + 2]);
    // `a.system.b`: a column of that name.
    if (all[i - 1]?.text !== ".") refuse(`system.${table} is not for readers of the record`);
  }
}

/** Tables that describe tables are read column by column, and none that tells how much is kept, or where. */
function checkCatalogue(all: readonly Token[]): void {
  const shows = all[0]?.text === "SHOW";
  const reads = all.some(
    (token, i) => all[i + 1]?.text === "." && CATALOGUE.test(`${unquoted(token)}.${unquoted(all[i + 2])}`),
  );
  // SHOW TABLES is a SELECT of one of them, and its WHERE is of any column.
  if (!shows && !reads) return;
  for (const [i, token] of all.entries()) {
    if (token.type !== "string" && QUANTITIES.has(unquoted(token).toLowerCase())) {
      refuse(`${unquoted(token)} is not for readers of the record: it is of all tenants together, or of the disk`);
    }
    const every =
      (token.text === "*" && all[i - 2]?.text !== "count") || (token.text === "COLUMNS" && all[i + 1]?.text === "(");
    if (reads && every) refuse("name the columns of tables that describe tables: not all are for readers");
  }
}

function checkStatement(all: readonly Token[]): void {
  const [first, second] = all.filter(({ text }) => text !== "(").map(({ text }) => text);
  if (first === "SELECT" || first === "WITH" || first === "DESCRIBE" || first === "EXISTS") return;
  if (first === "SHOW" && /^(?:TABLES|DATABASES|CREATE|COLUMNS|FULL|FUNCTIONS)$/.test(second ?? "")) return;
  if (first === "EXPLAIN" && /^(?:AST|SYNTAX|QUERY)$/.test(second ?? "")) return;
  refuse("the record is read-only: ask with SELECT, SHOW TABLES, DESCRIBE, EXISTS, EXPLAIN AST or EXPLAIN SYNTAX");
}

function unquoted(token: Token | undefined): string {
  if (token === undefined) return "";
  return token.type === "quoted" ? token.text.slice(1, -1).replace(/\\(.)/gs, "$1") : token.text;
}

/** A SQL string literal: only the backslash and the quote can end or change one. */
export function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&").replaceAll("\0", "\\0")}'`;
}

const UNESCAPED: Record<string, string> = {
  n: "\n",
  t: "\t",
  r: "\r",
  b: "\b",
  f: "\f",
  "0": "\0",
  a: "\x07",
  v: "\v",
};

function bound(parameter: string, params: Readonly<Record<string, string>>): string {
  const [, name = "", type = ""] = /^\{(\w+):(.*)\}$/s.exec(parameter) ?? [];
  const raw = Object.hasOwn(params, name) ? params[name] : undefined;
  if (raw === undefined) throw new StoreError(STORE_CODES.unknownParameter, `Substitution \`${name}\` is not set.`);
  if (/[\t\n]/.test(raw)) {
    throw new StoreError(STORE_CODES.unknownParameter, `the value of \`${name}\` holds an unescaped tab or line end`);
  }
  if (type.trim() === "Identifier") return `\`${raw.replace(/[\\`]/g, "\\$&")}\``;
  if (raw === "\\N" && /^Nullable\b/.test(type.trim())) return "NULL";
  // Lists quote their texts, with escapes of their own (ClickHouse: SerializationArray::deserializeTextEscaped).
  const composite = /^(?:Array|Tuple|Map|Nested)\b/.test(type.trim());
  const value = composite ? raw : raw.replace(/\\(.)/gs, (_, char: string) => UNESCAPED[char] ?? char);
  return `_CAST(${quoted(value)}, ${quoted(type.trim())})`;
}
