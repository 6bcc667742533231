import { stringify } from "csv-stringify/sync";
import type { EventRow } from "../event.ts";
import { eventPages } from "../event-pages.ts";
import { EVENT_COLUMNS } from "./event-row.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

const COLUMNS = Object.keys(EVENT_COLUMNS) as (keyof EventRow)[];

/**
 * RFC 4180: a header, CRLF, lists as JSON. An agent chooses names and paths, and a spreadsheet runs a cell that begins
 * with one of `= + - @` as a formula (CWE-1236): such cells begin with an apostrophe here, so what is to be verified
 * comes as NDJSON.
 */
export async function* writeCsv({ store, tenant, scope }: ExportJob): ExportBytes {
  yield csv([COLUMNS]);
  for await (const page of eventPages(store, tenant, scope)) yield csv(page.map(cells));
}

function cells(row: EventRow): string[] {
  return COLUMNS.map((name) => {
    const value = row[name];
    return Array.isArray(value) ? JSON.stringify(value) : String(value);
  });
}

function csv(rows: readonly (readonly string[])[]): string {
  return stringify(rows as string[][], { record_delimiter: "\r\n", escape_formulas: true });
}
