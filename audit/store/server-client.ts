import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { ClickHouseError, ClickHouseLogLevel, type ClickHouseSettings, createClient } from "@clickhouse/client";
import { errorMessage, UserError } from "../../base/errors.ts";
import type { StoreLocation } from "./store.ts";
import { parseStoreError, STORE_CODES, StoreError } from "./store-error.ts";

export type ServerLocation = Extract<StoreLocation, { url: string }>;

const REQUEST_MS = 120_000;
/** Reads and DDL that can be run twice are tried again where the server was not there; inserts are the shipper's. */
const RETRY_MS = [100, 400, 1600];

export interface ExecOptions {
  params?: Record<string, unknown>;
  settings?: ClickHouseSettings | Record<string, string>;
  format?: string;
  body?: Buffer;
  database?: string;
}

/** Statements to a ClickHouse server, by the vendor's own client. */
export class ServerClient {
  readonly #location: ServerLocation;
  readonly #database: string;
  #client: ReturnType<typeof createClient>;

  constructor(location: ServerLocation, database: string) {
    this.#location = location;
    this.#database = database;
    this.#client = connect(location, database);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** Runs one statement. Throws a StoreError, `noReply` where the server was not there. */
  async exec(
    query: string,
    { params, settings, format = "JSONEachRow", body, database }: ExecOptions = {},
  ): Promise<{ bytes: Buffer; summary: Record<string, string> }> {
    const options = {
      query,
      ...(params === undefined ? {} : { query_params: params }),
      clickhouse_settings: { ...settings, default_format: format } as ClickHouseSettings,
      ...(database === undefined ? {} : { http_headers: { "X-ClickHouse-Database": database } }),
    };
    try {
      const { stream, response_headers, summary } = await (body === undefined
        ? this.#client.exec(options)
        : this.#client.exec({ ...options, values: Readable.from([body], { objectMode: false }) }));
      const parts: Buffer[] = [];
      for await (const part of stream) parts.push(part as Buffer);
      const bytes = Buffer.concat(parts);
      const late = lateError(bytes, response_headers["x-clickhouse-exception-tag"]);
      if (late !== undefined) throw late;
      return { bytes, summary: { ...summary } as Record<string, string> };
    } catch (error) {
      throw this.#said(error);
    }
  }

  #said(error: unknown): Error {
    if (error instanceof StoreError || error instanceof UserError) return error;
    if (error instanceof ClickHouseError) {
      if (Number(error.code) === STORE_CODES.authenticationFailed) this.#reconnect();
      return new StoreError(Number(error.code), error.message, { cause: error, type: error.type });
    }
    return new StoreError(STORE_CODES.noReply, `${this.#location.url} does not answer: ${errorMessage(error)}`, {
      cause: error,
    });
  }

  /** The password may have been changed: its file is read again. */
  #reconnect(): void {
    void this.#client.close().catch(() => {}); // its requests end by themselves
    this.#client = connect(this.#location, this.#database);
  }
}

function connect(
  { url, userFile, passwordFile, caFile }: ServerLocation,
  database: string,
): ReturnType<typeof createClient> {
  const text = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : readFileSync(file, "utf8").trim();
  const username = text(userFile);
  const password = text(passwordFile);
  return createClient({
    url,
    database,
    application: "sallyport",
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(caFile === undefined ? {} : { tls: { ca_cert: readFileSync(caFile) } }),
    compression: { request: true, response: true },
    request_timeout: REQUEST_MS,
    use_multipart_params_auto: true,
    log: { level: ClickHouseLogLevel.OFF },
  });
}

/** An error after the answer began stands at its end, behind a mark that only this answer has (ClickHouse: HTTP interface). */
function lateError(bytes: Buffer, tag: string | string[] | undefined): StoreError | undefined {
  if (tag === undefined) return undefined;
  const tail = bytes.subarray(-32_768).toString("utf8");
  return tail.includes(`__exception__\r\n${tag}`) ? parseStoreError(tail) : undefined;
}

/** Runs again what can be run twice, where the server was not there. */
export async function retried<T>(work: () => Promise<T>): Promise<T> {
  for (const wait of RETRY_MS) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== STORE_CODES.noReply) throw error;
      await sleep(wait);
    }
  }
  return work();
}
