import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip, zstdDecompress } from "node:zlib";
import { STORE_CODES, StoreError } from "./store-error.ts";

/** One request of ClickHouse's HTTP interface, read. */
export interface HttpQuery {
  /** The URL's `query`, and the body after it. */
  query: string;
  /** The body where the URL has the query: what an INSERT inserts. */
  data: Buffer;
  /** `param_<name>` */
  params: Record<string, string>;
  /** What else the URL says. */
  settings: Record<string, string>;
  format: string;
  database: string;
  /** Of ClickHouse's protocol, which Native goes by; 0 where the client says none. */
  revision: number;
  id: string;
}

/** What the URL says besides settings. */
const OWN = new Set([
  "query",
  "default_format",
  "database",
  "query_id",
  "user",
  "session_id",
  "session_timeout",
  "session_check",
  "quota_key",
  "wait_end_of_query",
  "role",
  "client_protocol_version",
  "enable_http_compression",
  "compress",
  "decompress",
]);

/** Reads a request; undefined where it asks for nothing. Throws a StoreError where it cannot be read. */
export async function readQuery(
  request: IncomingMessage,
  url: URL,
  id: string,
  maxBytes: number,
): Promise<HttpQuery | undefined> {
  refuseOwnCompression(url);
  const body = await readBody(request, maxBytes);
  const form = await formOf(request, body);
  const said = form.get("query") ?? url.searchParams.get("query") ?? "";
  const own = said !== "";
  const query = own ? said : body.toString("utf8");
  if (query.trim() === "") {
    if (request.method !== "POST") return undefined;
    throw new StoreError(STORE_CODES.syntaxError, "Empty query");
  }
  const params: Record<string, string> = Object.create(null);
  const settings: Record<string, string> = Object.create(null);
  for (const [name, value] of [...url.searchParams, ...form]) {
    if (name.startsWith("param_")) params[name.slice("param_".length)] = value;
    else if (!OWN.has(name)) settings[name] = value;
  }
  const { headers } = request;
  return {
    query,
    data: own && form.size === 0 ? body : Buffer.alloc(0),
    params,
    settings,
    format: String(headers["x-clickhouse-format"] ?? url.searchParams.get("default_format") ?? "TabSeparated"),
    database: String(headers["x-clickhouse-database"] ?? url.searchParams.get("database") ?? ""),
    revision: Number(url.searchParams.get("client_protocol_version") ?? 0),
    id,
  };
}

/** Its blocks carry a CityHash128 of version 1.0.2, which no kept library for Node has. HTTP's own does as well. */
function refuseOwnCompression(url: URL): void {
  for (const name of ["compress", "decompress"]) {
    if (!/^(?:1|true)$/i.test(url.searchParams.get(name) ?? "")) continue;
    throw new StoreError(
      STORE_CODES.readonly,
      `${name}=1, ClickHouse's own compression, is not served here: turn it off in the client (JDBC: compress=false), or use HTTP's (enable_http_compression=1 and Accept-Encoding: zstd, gzip or br)`,
    );
  }
}

/** Long parameters come as a form's parts. */
async function formOf({ headers }: IncomingMessage, body: Buffer): Promise<Map<string, string>> {
  const type = headers["content-type"] ?? "";
  if (!type.startsWith("multipart/form-data")) return new Map();
  try {
    const form = await new Response(new Uint8Array(body), { headers: { "content-type": type } }).formData();
    return new Map([...form].flatMap(([name, value]) => (typeof value === "string" ? [[name, value] as const] : [])));
  } catch (error) {
    throw new StoreError(STORE_CODES.syntaxError, "the request's form cannot be read", { cause: error });
  }
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > maxBytes) throw new StoreError(STORE_CODES.syntaxError, `the request is larger than ${maxBytes} bytes`);
    parts.push(part);
  }
  const body = Buffer.concat(parts);
  const encoding = request.headers["content-encoding"] ?? "identity";
  if (encoding === "identity") return body;
  const expand = encoding === "gzip" ? promisify(gunzip) : encoding === "zstd" ? promisify(zstdDecompress) : undefined;
  if (expand === undefined) throw new StoreError(STORE_CODES.syntaxError, `Content-Encoding ${encoding} is not served`);
  try {
    return (await expand(body, { maxOutputLength: maxBytes })) as Buffer;
  } catch (error) {
    throw new StoreError(STORE_CODES.syntaxError, `the request's ${encoding} body cannot be read`, { cause: error });
  }
}
