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

/** The writer looks at a cell's first character, and a spreadsheet looks past what is white. */
const HIDDEN_FORMULA = /^\s+[=+\-@＝＋－＠]/;

function cells(row: EventRow): string[] {
  return COLUMNS.map((name) => {
    const value = row[name];
    const text = Array.isArray(value) ? JSON.stringify(value) : String(value);
    return HIDDEN_FORMULA.test(text) ? `'${text}` : text;
  });
}

function csv(rows: readonly (readonly string[])[]): string {
  // Quoted by the writer where they hold CRLF; a line feed in a name (%0A) would begin a row of its own (RFC 4180 §2.6).
  return stringify(rows as string[][], { record_delimiter: "\r\n", escape_formulas: true, quoted_match: /[\r\n]/ });
}
