import { createReadStream } from "node:fs";
import { appendFile, writeFile } from "node:fs/promises";
import { errorMessage, UserError } from "../../base/errors.ts";
import { type RecordedDecision, type RecordedRow, recordedDecision } from "../../proxy/backtest/recorded.ts";
import { lines } from "./lines.ts";

/** Where decisions are read from, and which. */
export interface RecordedOptions {
  /** sallyport.yaml: the store itself. The API where neither is named. */
  config?: string;
  /** NDJSON of rows, as `export` writes them. */
  input?: string;
  /** Milliseconds since the epoch. */
  since: number | undefined;
  until: number | undefined;
  limit: number;
  /** Those about dialogues and tool calls as well. */
  dialogues?: boolean;
  /** Also writes each row to this file, for a place that has no gateway (a policy repository's CI). */
  export?: string | undefined;
}

type Page = (until: number | undefined, limit: number) => Promise<RecordedRow[]>;

/** Two objects of 3 MiB, and JSON around them. */
const LINE_BYTES = 32 * 1024 * 1024;
const STORE_PAGE = 10_000;
/** The client takes an answer of 64 MiB, and a row may hold two objects. */
const API_PAGE = 1_000;

/** Decisions on record, the latest first. */
export async function* recordedDecisions(options: RecordedOptions): AsyncGenerator<RecordedDecision> {
  if (options.export !== undefined) await writeFile(options.export, "");
  let left = options.limit;
  let others = 0;
  for await (const row of rowsOf(options)) {
    const decision = decisionOf(row, options);
    if (decision === undefined) {
      others++;
      continue;
    }
    others = Number.NEGATIVE_INFINITY;
    if (options.export !== undefined) await appendFile(options.export, `${JSON.stringify(row)}\n`);
    yield decision;
    if (--left === 0) return;
  }
  if (options.input !== undefined && others > 0) {
    throw new UserError(`${options.input} holds ${others} rows, and none of them is a decision on record`, {
      exitCode: 2,
      next: "Write it with `sallyport policy backtest --export FILE`, where the record is.",
    });
  }
}

function decisionOf(row: RecordedRow, { input, dialogues = false }: RecordedOptions): RecordedDecision | undefined {
  try {
    return recordedDecision(row, { dialogues });
  } catch (error) {
    const where = input === undefined ? `the decision on record of ${row.at}` : `${input}, the row of ${row.at}`;
    throw new UserError(`${where}, cannot be read: ${errorMessage(error)}`, {
      exitCode: input === undefined ? 3 : 2,
      cause: error,
    });
  }
}

async function* rowsOf(options: RecordedOptions): AsyncGenerator<RecordedRow> {
  if (options.input !== undefined) return yield* fromFile(options.input, options);
  const { page, size, close } =
    options.config === undefined ? await apiPages(options) : await storePages(options.config, options);
  try {
    yield* paged(page, size, options);
  } finally {
    await close();
  }
}

/** Page by page from the latest on. Rows of one millisecond may stand on two pages. */
async function* paged(page: Page, size: number, { until }: RecordedOptions): AsyncGenerator<RecordedRow> {
  let end = until;
  let seen = new Set<string>();
  for (;;) {
    const rows = await page(end, size);
    for (const row of rows) if (!seen.has(row.payload)) yield row;
    const last = rows.at(-1);
    if (last === undefined || rows.length < size) return;
    seen = new Set(rows.filter(({ at }) => at.slice(0, 23) === last.at.slice(0, 23)).map(({ payload }) => payload));
    const next = Date.parse(`${last.at.slice(0, 10)}T${last.at.slice(11, 23)}Z`) + 1;
    if (next === end) {
      throw new UserError(`over ${size} decisions of one millisecond are on record, and cannot be read in parts`);
    }
    end = next;
  }
}

async function storePages(file: string, { since }: RecordedOptions) {
  const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
  const { openRevealingReader } = await import("../../audit/personal/open-keys.ts");
  const { recordedRows } = await import("../../audit/recorded-rows.ts");
  const config = loadGatewayConfig(file);
  const store = await openRevealingReader(config.audit);
  const page: Page = (until, limit) => recordedRows(store, config.tenant, { since, until, limit });
  return { page, size: STORE_PAGE, close: () => store.close() };
}

async function apiPages({ since }: RecordedOptions) {
  const { loadContext } = await import("../context.ts");
  const { createClient } = await import("../client.ts");
  const { gatewaySession } = await import("../session.ts");
  const context = loadContext(process.env);
  const client = createClient(context, async () => (await gatewaySession(context, process.env)).token);
  const iso = (ms: number | undefined): string | undefined =>
    ms === undefined ? undefined : new Date(ms).toISOString();
  const page: Page = async (until, limit) => {
    const body = { parameters: { since: iso(since), until: iso(until), limit } };
    return ((await client.request("POST", "/v1alpha1/queries/decisions", { body })) as { items: RecordedRow[] }).items;
  };
  return { page, size: API_PAGE, close: () => client.close() };
}

async function* fromFile(
  file: string,
  { since = 0, until = Number.POSITIVE_INFINITY }: RecordedOptions,
): AsyncGenerator<RecordedRow> {
  let number = 0;
  try {
    for await (const line of lines(createReadStream(file) as AsyncIterable<Uint8Array>, LINE_BYTES)) {
      number++;
      if (line === "") continue;
      const row = JSON.parse(line) as RecordedRow | null;
      if (typeof row !== "object" || row === null) throw new TypeError("it is no row");
      const at = Date.parse(`${String(row.at).slice(0, 10)}T${String(row.at).slice(11, 23)}Z`);
      if (at >= since && at < until) yield row;
    }
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file}, line ${number}: ${errorMessage(error)}`, { exitCode: 2, cause: error });
  }
}
