import type { Session } from "chdb";
import { errorMessage } from "../../base/errors.ts";
import { ROLES } from "./access.ts";
import {
  checkAnswer,
  checkLength,
  MAX_QUERY_BYTES,
  quoted,
  READER_BYTES,
  READER_ROWS,
  READER_SECONDS,
  readerSettings,
  readersSql,
} from "./readers-sql.ts";
import { type Question, type QuestionAnswer, READER_MEMORY, spillSettings } from "./store.ts";
import { parseStoreError, STORE_CODES, StoreError } from "./store-error.ts";
import { wholeAnswer } from "./whole-answers.ts";

const SPILL = Object.entries(spillSettings(READER_MEMORY))
  .map(([name, value]) => `${name}=${value}`)
  .join(", ");
/** How many questions run at once: a connection of chDB runs one after the other. */
const CONNECTIONS = 2;
/** More wait for no answer: each may take its whole time. */
const WAITING = 6;

/**
 * People's questions to an embedded store, on connections of their own: in the role of readers, with limits that
 * nothing they send can lift, and beside what the recorder writes.
 */
export class ChdbReaders {
  readonly #open: () => Session;
  readonly #idle: Session[] = [];
  readonly #waiting: ((session: Session) => void)[] = [];
  #opened = 0;
  #tableFunctions: ReadonlySet<string> | undefined;

  constructor(open: () => Session) {
    this.#open = open;
  }

  async ask(question: Omit<Question, "tenant">): Promise<QuestionAnswer> {
    checkLength(question.sql);
    const session = await this.#take();
    try {
      const { sql, format } = this.#prepare(session, question);
      const chosen = format ?? question.format ?? "JSONEachRow";
      if (!/^\w{1,64}$/.test(chosen)) throw new StoreError(STORE_CODES.unknownFormat, `Unknown format ${chosen}`);
      const result = await wholeAnswer(
        () => session.queryAsync(`${sql}\n${settings(question)}`, { format: chosen }),
        () => session.queryAsync("SELECT 1", { format: "Null" }),
      );
      const bytes = result.bytes();
      checkAnswer(bytes);
      return { format: chosen, bytes, rowsRead: result.rowsRead, bytesRead: result.bytesRead, seconds: result.elapsed };
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(session);
      else next(session);
    }
  }

  #prepare(session: Session, { sql, params = {} }: Omit<Question, "tenant">) {
    this.#tableFunctions ??= new Set(
      session.query("SELECT name FROM system.table_functions", "TabSeparatedRaw").split("\n"),
    );
    return readersSql(formatQuery(session, sql), params, this.#tableFunctions);
  }

  #take(): Promise<Session> {
    const session = this.#idle.pop();
    if (session !== undefined) return Promise.resolve(session);
    if (this.#opened < CONNECTIONS) {
      const opened = reader(this.#open());
      this.#opened++;
      return Promise.resolve(opened);
    }
    if (this.#waiting.length >= WAITING) {
      return Promise.reject(new StoreError(STORE_CODES.tooManyQueries, "too many questions at once; ask again later"));
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    for (const session of this.#idle.splice(0)) session.close();
  }
}

/** The query as ClickHouse's own parser writes it. What it says about a mistake is about the query, not about us. */
function formatQuery(session: Session, sql: string): string {
  try {
    return session.query(`SELECT formatQuery(${quoted(sql)})`, "TabSeparatedRaw");
  } catch (error) {
    const said = parseStoreError(errorMessage(error));
    throw new StoreError(
      said?.code ?? STORE_CODES.syntaxError,
      (said?.message ?? errorMessage(error)).replace(/: In scope SELECT formatQuery\(.*$/s, ""),
    );
  }
}

function reader(session: Session): Session {
  session.query("USE sallyport");
  session.query(`SET ROLE ${ROLES.reader}`);
  // readonly=2, since the last word on a question's limits is appended to it; the role is what keeps it from writing.
  session.query(
    `SET max_memory_usage=${READER_MEMORY}, ${SPILL}, max_result_rows=${READER_ROWS}, max_result_bytes=${READER_BYTES}, result_overflow_mode='throw', max_execution_time=${READER_SECONDS}, timeout_overflow_mode='throw', max_query_size=${2 * MAX_QUERY_BYTES}, allow_introspection_functions=0, allow_ddl=0, readonly=2`,
  );
  return session;
}

/** The query has no SETTINGS of its own: readersSql refuses them. */
function settings(question: Omit<Question, "tenant">): string {
  const list = Object.entries(readerSettings(question)).map(([name, value]) => `${name}=${quoted(value)}`);
  return list.length === 0 ? "" : `SETTINGS ${list.join(", ")}`;
}
