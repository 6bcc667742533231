import { ByteWriter, ParquetWriter, type SchemaElement } from "hyparquet-writer";
import type { EventRow } from "../event.ts";
import { eventPages } from "../event-pages.ts";
import { EVENT_COLUMNS } from "./event-row.ts";
import type { ExportBytes, ExportJob } from "./formats.ts";

const COLUMNS = Object.entries(EVENT_COLUMNS) as [keyof EventRow, (typeof EVENT_COLUMNS)[keyof EventRow]][];

/** A row group is written once so many rows stand ready, or so many bytes of payload. */
const GROUP_ROWS = 20_000;
const GROUP_BYTES = 32 * 1024 ** 2;

/** Columns of `events` with their types: `at` is a timestamp in microseconds, UTC; lists are lists. */
export async function* writeParquet({ store, tenant, scope, gateway }: ExportJob): ExportBytes {
  const writer = new ByteWriter();
  const parquet = new ParquetWriter({ writer, schema: SCHEMA, createdBy: gateway });
  let rows: EventRow[] = [];
  let bytes = 0;
  const group = (): Uint8Array => {
    parquet.write({ columnData: columnsOf(rows), rowGroupSize: rows.length });
    rows = [];
    bytes = 0;
    return taken(writer);
  };
  for await (const page of eventPages(store, tenant, scope)) {
    for (const row of page) bytes += row.payload.length;
    rows = rows.concat(page);
    if (rows.length >= GROUP_ROWS || bytes >= GROUP_BYTES) yield group();
  }
  if (rows.length > 0) yield group();
  await parquet.finish();
  yield taken(writer);
}

/** What was written so far, out of the writer's buffer; its offset goes on counting, and the footer refers to that. */
function taken(writer: ByteWriter): Uint8Array {
  const bytes = Buffer.from(writer.getBytes());
  writer.index = 0;
  return bytes;
}

const SCHEMA: SchemaElement[] = [
  { name: "events", num_children: COLUMNS.length },
  ...COLUMNS.flatMap(([name, type]): SchemaElement[] => {
    if (name === "at") {
      return [
        {
          name,
          type: "INT64",
          repetition_type: "REQUIRED",
          converted_type: "TIMESTAMP_MICROS",
          logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "MICROS" },
        },
      ];
    }
    if (type === "count") return [{ name, type: "INT64", repetition_type: "REQUIRED" }];
    if (type === "flag") return [{ name, type: "BOOLEAN", repetition_type: "REQUIRED" }];
    if (type === "text") return [text(name)];
    // The three levels of a list (parquet-format, LogicalTypes: Lists).
    return [
      { name, repetition_type: "REQUIRED", converted_type: "LIST", logical_type: { type: "LIST" }, num_children: 1 },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      text("element"),
    ];
  }),
];

function text(name: string): SchemaElement {
  return {
    name,
    type: "BYTE_ARRAY",
    repetition_type: "REQUIRED",
    converted_type: "UTF8",
    logical_type: { type: "STRING" },
  };
}

function columnsOf(rows: readonly EventRow[]): { name: string; data: unknown[]; offsetIndex: false }[] {
  return COLUMNS.map(([name, type]) => ({
    name,
    data: rows.map((row) => {
      if (name === "at") return micros(row.at);
      return type === "count" ? BigInt(row[name] as number) : row[name];
    }),
    // An index of pages for each column of each group would be kept until the end.
    offsetIndex: false,
  }));
}

/** Microseconds since the epoch, exactly: `2026-11-22 10:00:00.123456`. */
function micros(at: string): bigint {
  return (
    BigInt(Date.parse(`${at.slice(0, 10)}T${at.slice(11, 23)}Z`)) * 1000n + BigInt(at.slice(23, 26).padEnd(3, "0"))
  );
}
