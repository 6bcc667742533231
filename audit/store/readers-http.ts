import { readFileSync } from "node:fs";
import { sameSecret } from "../../base/digest.ts";
import { UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Recorder } from "../event.ts";
import { serveClickHouse } from "./http-interface.ts";
import type { HttpQuery } from "./http-query.ts";
import { checkLength } from "./readers-sql.ts";
import type { Question, QuestionReader } from "./store.ts";
import { STORE_CODES, StoreError } from "./store-error.ts";

/** `audit.http` of sallyport.yaml. */
export interface ReadersHttpConfig {
  address: string;
  /** Whoever has it reads the whole record of the tenant; read again for each request. */
  tokenFile: string;
  certFile?: string | undefined;
  keyFile?: string | undefined;
}

interface Deps {
  config: ReadersHttpConfig;
  tenant: string;
  reader: QuestionReader;
  recorder: Pick<Recorder, "recordDurably">;
  log: Log;
}

/** Settings that clients send by themselves and that change no answer here. */
const IGNORED = new Set([
  ...["wait_end_of_query", "send_progress_in_http_headers", "http_headers_progress_interval_ms", "buffer_size"],
  ...[
    "max_block_size",
    "readonly",
    "cancel_http_readonly_queries_on_client_close",
    "http_write_exception_in_output_format",
  ],
  ...["max_insert_block_size", "log_queries", "session_timezone", "connect_timeout", "receive_timeout", "send_timeout"],
]);

/**
 * The embedded store as ClickHouse's HTTP interface, read-only, for dashboards and notebooks of auditors. Each question
 * is itself on record before it is answered (the token tells who, as far as anything does).
 */
export async function serveReaders({
  config,
  tenant,
  reader,
  recorder,
  log,
}: Deps): Promise<{ port: number; close(): Promise<void> }> {
  const { certFile, keyFile } = config;
  if (certFile === undefined && !/^(?:127\.\d+\.\d+\.\d+|\[::1\]|localhost):/.test(config.address)) {
    throw new UserError(
      `audit.http.address: ${config.address}: other machines reach it, and without TLS so does the token`,
      {
        exitCode: 2,
        next: "Use 127.0.0.1, or name audit.http.certFile and keyFile.",
      },
    );
  }
  // Each time: a file that is just being written again is empty, and so is the password of who sends none.
  const token = (): string => {
    const text = readFileSync(config.tokenFile, "utf8").trim();
    if (text.length >= 16) return text;
    throw new UserError(`audit.http.tokenFile: ${config.tokenFile}: fewer than 16 characters`, {
      exitCode: 2,
      next: "Write a random one: openssl rand -hex 32",
    });
  };
  token();
  return serveClickHouse({
    address: config.address,
    authenticate: (_, password) => sameSecret(password, token()),
    ...(certFile === undefined || keyFile === undefined
      ? {}
      : { tls: { cert: readFileSync(certFile, "utf8"), key: readFileSync(keyFile, "utf8") } }),
    onError: (error) => log.error("a question over ClickHouse's HTTP interface could not be answered", { error }),
    async answer(query) {
      const question = questionOf(query, tenant);
      checkLength(question.sql);
      await recorder.recordDurably({
        kind: "read",
        session_id: "clickhouse-http",
        at_ms: Date.now(),
        payload: { what: "sql", sql: question.sql, parameters: question.params, interface: "clickhouse-http" },
      });
      return reader.ask(question);
    },
  });
}

/** What is asked. Throws a StoreError where it asks for what readers do not have. */
export function questionOf({ query, data, params, settings, format, database }: HttpQuery, tenant: string): Question {
  if (!["", "default", "sallyport"].includes(database)) {
    throw new StoreError(STORE_CODES.unknownDatabase, `Database ${database} does not exist`);
  }
  const output: Record<string, string> = {};
  const question: Question = {
    sql: data.length === 0 ? query : `${query}\n${data.toString("utf8")}`,
    tenant,
    params,
    format,
    output,
  };
  for (const [name, value] of Object.entries(settings)) {
    const number = Number(value);
    if (name === "max_execution_time" && number > 0) question.maxSeconds = number;
    else if (name === "max_result_rows" && number > 0) question.maxRows = number;
    else if (!IGNORED.has(name) && name !== "max_execution_time" && name !== "max_result_rows") output[name] = value;
  }
  return question;
}
