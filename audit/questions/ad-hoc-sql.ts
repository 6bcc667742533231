import { z } from "zod";
import type { QuestionReader } from "../store/store.ts";
import { StoreError } from "../store/store-error.ts";
import { type Answered, type ParameterSchema, parameterSchema, type Row, readParameters } from "./question.ts";

/** Rows of an answer, whatever part of it is shown: more are refused, and never worked through. */
const MOST_ROWS = 10_000;
/** They are read on the thread that also serves requests. */
const MOST_BYTES = 8 * 1024 * 1024;
const SECONDS = 20;

const shape = z.strictObject({
  sql: z.string().min(1).max(65_536).describe("one SELECT, or what describes tables, in ClickHouse's SQL"),
  limit: z.int().min(1).max(MOST_ROWS).default(1000).describe("at most so many rows"),
});

/** SQL that an auditor writes, beside the named questions: the same shape, but for who answers it. */
export const adHocSql = {
  name: "sql",
  title: "SQL of one's own over the views and tables of one's tenant, read-only and with limits",
  parameters: parameterSchema(shape) as ParameterSchema,

  /**
   * Rows as JSON, as many as the limit lets through. The store sees to it that nothing but the tenant's rows is read.
   * @throws ParameterError, and StoreError with a text for the person who wrote the SQL
   */
  async ask(reader: QuestionReader, tenant: string, parameters: unknown): Promise<Answered> {
    const { sql, limit } = readParameters("sql", shape, parameters);
    const answer = await reader
      .ask({ sql, tenant, format: "JSONEachRow", maxRows: MOST_ROWS, maxSeconds: SECONDS })
      .catch((error: unknown) => {
        throw error instanceof StoreError && !AWAY.has(error.code) ? new StoreError(error.code, inWords(error)) : error;
      });
    if (answer.format !== "JSONEachRow") {
      throw new StoreError(FORMAT_IS_GIVEN, "the answer is JSON: leave FORMAT out, or export what you found");
    }
    if (answer.bytes.byteLength > MOST_BYTES) {
      throw new StoreError(TOO_LARGE, inWords(new StoreError(TOO_LARGE, "")));
    }
    const lines = Buffer.from(answer.bytes)
      .toString("utf8")
      .split("\n", limit + 2);
    const items = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Row);
    const shown = items.slice(0, limit);
    return { items: answer.reveal === undefined ? shown : shown.map(answer.reveal), more: items.length > limit };
  },
};

/** ClickHouse's numbers (src/Common/ErrorCodes.cpp): UNKNOWN_FORMAT, TOO_MANY_ROWS_OR_BYTES. */
const FORMAT_IS_GIVEN = 73;
const TOO_LARGE = 396;

/** SOCKET_TIMEOUT, NETWORK_ERROR, ALL_CONNECTION_TRIES_FAILED, AUTHENTICATION_FAILED: the store's, and no question's. */
const AWAY = new Set([209, 210, 279, 516]);

/** Mistakes in the text itself: what ClickHouse says of these names no value of a row. */
const OF_THE_TEXT = new Set([
  ...[10, 16, 20, 35, 36, 42, 43, 44, 46, 47, 53, 57, 60, 62, 63, 73, 80, 81, 101, 130, 164, 179, 181, 184, 207],
  ...[215, 223, 306, 352, 386, 403, 456, 497],
]);
const OVER_LIMITS: Record<number, string> = {
  158: "it reads too many rows",
  159: "it takes too long",
  160: "it would take too long",
  202: "too many questions are asked at once; ask again later",
  241: "it needs too much memory",
  307: "it reads too much",
  396: "its answer is too large: give it a LIMIT, or name the columns",
};

/**
 * What ClickHouse said about somebody's SQL, in a line: without what it ran around it, its guesses at other names, and
 * values that it met in rows.
 */
function inWords({ code, message }: StoreError): string {
  const over = OVER_LIMITS[code];
  if (over !== undefined) return `${over} (ClickHouse ${code})`;
  if (!OF_THE_TEXT.has(code)) return `a value cannot be read, or worked with, as the query asks (ClickHouse ${code})`;
  const text = message
    .replace(/\s*(?:: )?[Ii]n scope [\s\S]*$/, "")
    .replace(/\s*Maybe you meant[\s\S]*$/, "")
    .replace(/ Expected one of: [\s\S]*$/, "")
    .replace(/\s+\([A-Z_]+\)\s*$/, "")
    .replace(/\s+/g, " ")
    .trim();
  return `${text.slice(0, 500)} (ClickHouse ${code})`;
}

/** Whether the store could not be asked at all. */
export const isAway = ({ code }: StoreError): boolean => AWAY.has(code);

/** Whether it would have been answered, had it asked for less. */
export const isOverLimits = ({ code }: StoreError): boolean => Object.hasOwn(OVER_LIMITS, code);
