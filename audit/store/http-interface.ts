import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { brotliCompress, gzip, zstdCompress } from "node:zlib";
import { errorMessage } from "../../base/errors.ts";
import { uuid7 } from "../../base/uuid7.ts";
import { type HttpQuery, readQuery } from "./http-query.ts";
import { nativeForRevision } from "./native.ts";
import { parseStoreError, STORE_CODES, StoreError } from "./store-error.ts";

export interface HttpAnswer {
  format: string;
  bytes: Uint8Array;
  rowsRead: number;
  bytesRead: number;
  seconds: number;
}

export interface HttpInterfaceOptions {
  /** host:port; port 0 takes a free one. */
  address: string;
  /** Whether a name and password may ask. Absent: nobody is asked for one. */
  authenticate?: (user: string, password: string) => boolean;
  /** Answers, or throws a StoreError. */
  answer(query: HttpQuery): Promise<HttpAnswer>;
  /** PEM; plain http where absent. */
  tls?: { cert: string; key: string };
  maxBodyBytes?: number;
  /** Of answers that clients have not taken yet, together. */
  maxHeldBytes?: number;
  /** What went wrong and is no error of a query. */
  onError?(error: unknown): void;
}

/** Whoever takes nothing of an answer for so long gets no more of it. */
const SEND_MS = 30_000;

const VERSION = "26.7.2.1";
const CONTENT_TYPES: [RegExp, string][] = [
  [/^JSON.*EachRow|^NDJSON|^JSONLines/, "application/x-ndjson; charset=UTF-8"],
  [/^JSON/, "application/json; charset=UTF-8"],
  [/^CSV/, "text/csv; charset=UTF-8"],
  [/^(?:TabSeparated|TSV)/, "text/tab-separated-values; charset=UTF-8"],
  [/^XML$/, "application/xml; charset=UTF-8"],
  [/^(?:Native|RowBinary|Parquet|Arrow|ORC|Avro)/, "application/octet-stream"],
];
/** What HTTPHandler answers with for these errors (ClickHouse: exceptionCodeToHTTPStatus.cpp); else 500. */
const STATUS: Record<number, number> = {
  ...Object.fromEntries([36, 42, 43, 44, 46, 47, 53, 62, 70, 73, 130, 164, 456].map((code) => [code, 400])),
  60: 404,
  81: 404,
  202: 429,
  497: 403,
  516: 403,
};

/**
 * ClickHouse's HTTP interface in front of a store: GET and POST /, /ping, `query`, `param_*`, `database`,
 * `default_format`, headers X-ClickHouse-*, compression by HTTP. Clients of a server (Grafana, notebooks, the vendor's
 * own) can be pointed at it; what may be asked is up to `answer`.
 */
export async function serveClickHouse(
  options: HttpInterfaceOptions,
): Promise<{ port: number; close(): Promise<void> }> {
  const held = { bytes: 0 };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(options, held, request, response).catch((error: unknown) => {
      options.onError?.(error);
      response.destroy();
    });
  };
  const limits = { requestTimeout: 60_000, headersTimeout: 10_000, maxHeaderSize: 32_768 };
  const server: Server =
    options.tls === undefined
      ? createServer(limits, listener)
      : createTlsServer({ ...limits, ...options.tls }, listener);
  server.maxConnections = 200;
  const [, host = "127.0.0.1", port = "0"] = /^\[?(.*?)\]?:(\d+)$/.exec(options.address) ?? [];
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(Number(port), host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function handle(
  options: HttpInterfaceOptions,
  held: { bytes: number },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // `//` is the start of an absolute URL, and no host.
  const url = URL.parse(request.url ?? "/", "http://localhost");
  if (url === null) return plain(response, 400, "");
  const id = (url.searchParams.get("query_id") ?? "").match(/^[\w-]{1,64}$/)?.[0] ?? uuid7();
  response.setHeader("X-ClickHouse-Query-Id", id);
  response.setHeader("X-ClickHouse-Server-Display-Name", "sallyport");
  response.setHeader("X-ClickHouse-Timezone", "UTC");
  response.setHeader("Cache-Control", "no-store");
  if (request.method !== "GET" && request.method !== "POST" && request.method !== "HEAD")
    return plain(response, 405, "");
  if (url.pathname === "/ping" || url.pathname === "/replicas_status") return plain(response, 200, "Ok.\n");
  if (url.pathname !== "/") return plain(response, 404, `There is no handle ${url.pathname}\n`);
  try {
    checkCaller(options, request, url);
    const query = await readQuery(request, url, id, options.maxBodyBytes ?? 1_048_576);
    if (query === undefined) return plain(response, 200, "Ok.\n");
    const answer = await options.answer(query);
    const bytes = answer.format === "Native" ? nativeForRevision(answer.bytes, query.revision) : answer.bytes;
    hold(response, held, bytes.byteLength, options.maxHeldBytes ?? 268_435_456);
    await send(response, request, url, { ...answer, bytes });
  } catch (error) {
    const known = error instanceof StoreError ? error : parseStoreError(errorMessage(error));
    if (known === undefined) options.onError?.(error);
    sendError(response, known ?? new StoreError(STORE_CODES.noReply, "the store did not answer"));
  }
}

/** Counts an answer until its client has it. Clients that ask much and read nothing would fill the memory. */
function hold(response: ServerResponse, held: { bytes: number }, bytes: number, most: number): void {
  if (held.bytes + bytes > most) {
    throw new StoreError(STORE_CODES.tooManyQueries, "too many answers wait to be read; read them, or ask again later");
  }
  held.bytes += bytes;
  response.once("close", () => {
    held.bytes -= bytes;
  });
  response.setTimeout(SEND_MS, () => response.destroy());
}

function plain(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=UTF-8" }).end(text);
}

/** Basic, Bearer, or X-ClickHouse-User and -Key; never in the URL, which logs and histories keep. */
function checkCaller(options: HttpInterfaceOptions, { headers }: IncomingMessage, url: URL): void {
  if (options.authenticate === undefined) return;
  if (url.searchParams.has("password")) {
    throw new StoreError(STORE_CODES.authenticationFailed, "a password in the URL is not taken: send it in a header");
  }
  const [scheme = "", credential = ""] = (headers.authorization ?? "").split(" ");
  let user = String(headers["x-clickhouse-user"] ?? "");
  let password = String(headers["x-clickhouse-key"] ?? "");
  if (scheme.toLowerCase() === "basic") {
    const [, name = "", word = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(credential, "base64").toString("utf8")) ?? [];
    [user, password] = [name, word];
  } else if (scheme.toLowerCase() === "bearer") password = credential;
  if (!options.authenticate(user, password)) {
    throw new StoreError(
      STORE_CODES.authenticationFailed,
      "Authentication failed: password is incorrect, or there is no user with such name",
    );
  }
}

async function send(response: ServerResponse, request: IncomingMessage, url: URL, answer: HttpAnswer): Promise<void> {
  const { format, rowsRead, bytesRead, seconds } = answer;
  response.setHeader("X-ClickHouse-Format", format);
  response.setHeader(
    "X-ClickHouse-Summary",
    JSON.stringify({
      read_rows: String(rowsRead),
      read_bytes: String(bytesRead),
      elapsed_ns: String(Math.round(seconds * 1e9)),
    }),
  );
  response.setHeader(
    "Content-Type",
    CONTENT_TYPES.find(([name]) => name.test(format))?.[1] ?? "text/plain; charset=UTF-8",
  );
  const [encoding, bytes] = await compressed(answer.bytes, request, url);
  if (encoding !== undefined) response.setHeader("Content-Encoding", encoding);
  response.setHeader("Content-Length", bytes.byteLength);
  response.writeHead(200).end(request.method === "HEAD" ? undefined : bytes);
}

async function compressed(
  bytes: Uint8Array,
  { headers }: IncomingMessage,
  url: URL,
): Promise<[string | undefined, Uint8Array]> {
  const asked = url.searchParams.get("enable_http_compression") === "1" ? String(headers["accept-encoding"] ?? "") : "";
  for (const [name, pack] of [
    ["zstd", zstdCompress],
    ["gzip", gzip],
    ["br", brotliCompress],
  ] as const) {
    if (new RegExp(`\\b${name}\\b`).test(asked)) return [name, (await promisify(pack)(bytes)) as Buffer];
  }
  return [undefined, bytes];
}

function sendError(response: ServerResponse, { code, type, message }: StoreError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.setHeader("X-ClickHouse-Exception-Code", String(code));
  plain(
    response,
    STATUS[code] ?? 500,
    `Code: ${code}. DB::Exception: ${message} (${type}) (version ${VERSION} (official build))\n`,
  );
}
