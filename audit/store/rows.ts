import type { StoredBody } from "./store.ts";

const NEWLINE = Buffer.from("\n");

/** Rows as ClickHouse's JSONEachRow. */
export function rowLines(lines: readonly Buffer[]): Buffer {
  return Buffer.concat(lines.flatMap((line) => [line, NEWLINE]));
}

/** Rows of an answer in JSONEachRow. */
export function parseRows<Row>(text: string): Row[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Row);
}

/** The columns of `bodies` in the order of `bodyLines`. */
export const BODY_COLUMNS = "tenant, sha256, size, content, chunks, stored_at";

/**
 * Contents as ClickHouse's TabSeparated, which takes any bytes once five are escaped; JSON would not. Stored now: one that
 * is stored again replaces what was there, and is as new to whoever lets contents go.
 */
export function bodyLines(bodies: readonly StoredBody[], now: number = Date.now()): Buffer[] {
  return bodies.map(({ tenant, sha256, content, size = content.length, chunks = [] }) =>
    tabSeparated(
      [tenant, sha256, String(size)],
      content,
      `[${chunks.map((chunk) => `'${chunk}'`).join(",")}]\t${Math.floor(now / 1000)}`,
    ),
  );
}

const ESCAPES: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0" };

function tabSeparated(columns: readonly string[], content: Buffer, chunks: string): Buffer {
  const escaped = (value: string): string => value.replace(/[\\\t\n\r\0]/g, (c) => ESCAPES[c] ?? c);
  const head = columns.map((column) => escaped(Buffer.from(column).toString("latin1"))).join("\t");
  return Buffer.from(`${head}\t${escaped(content.toString("latin1"))}\t${chunks}\n`, "latin1");
}
