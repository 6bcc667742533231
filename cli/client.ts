import { readFileSync } from "node:fs";
import { Agent, type Dispatcher } from "undici";
import { UserError } from "../base/errors.ts";
import type { Context } from "./context.ts";

/** Longest answer that is read into memory: an export is streamed by `lines` instead. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const DEADLINE_MS = 30_000;

/** A refusal of the control API (RFC 9457 problem, contracts §5), as the person at the terminal gets it. */
export class ApiError extends UserError {
  readonly status: number;
  readonly code: string;
  readonly decisionId: string | undefined;
  readonly details: string[];
  constructor(status: number, problem: Record<string, unknown>) {
    const text = (key: string): string | undefined =>
      typeof problem[key] === "string" ? (problem[key] as string) : undefined;
    super(text("detail") ?? text("title") ?? `the gateway answered ${status}`, {
      // 400 and 422: what was asked makes no sense; other 4xx: the answer is no; 401 and 5xx: the way is broken.
      exitCode: status === 400 || status === 422 ? 2 : status === 401 || status >= 500 ? 3 : 1,
      next: text("next") ?? (status === 401 ? "Run `sallyport login`." : undefined),
    });
    this.name = "ApiError";
    this.status = status;
    this.code = text("code") ?? "unknown";
    this.decisionId = text("decisionId");
    this.details = Array.isArray(problem.errors)
      ? problem.errors.map((e) => (typeof e === "string" ? e : JSON.stringify(e)))
      : [];
  }
}

export interface ApiRequest {
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The control API over one TLS connection pool. Answers are `unknown`: the command that asked checks their shape. */
export interface ApiClient {
  /** The JSON that the API answered, or undefined for 204. Throws ApiError, or UserError where it can't be reached. */
  request(method: "GET" | "POST" | "DELETE", path: string, request?: ApiRequest): Promise<unknown>;
  /** NDJSON, one parsed value a line, as it comes: no deadline but the signal's. */
  lines(path: string, request?: ApiRequest): AsyncGenerator<unknown>;
  /** The bytes of an answer as they come: no deadline but the signal's. */
  bytes(path: string, request?: ApiRequest): AsyncGenerator<Uint8Array>;
  close(): Promise<void>;
}

/** `token` is asked for each request, so that one that was renewed meanwhile is used. */
export function createClient(context: Pick<Context, "url" | "caFile">, token?: () => Promise<string>): ApiClient {
  const { origin, pathname } = new URL(context.url);
  const ca = context.caFile === undefined ? undefined : readCa(context.caFile);
  const agent = new Agent({ allowH2: false, connect: { ca, timeout: 10_000 }, connections: 4 });
  const base = pathname.replace(/\/+$/, "");

  async function send(method: string, path: string, request: ApiRequest, accept: string, signal: AbortSignal) {
    const headers: Record<string, string> = { accept, ...request.headers };
    if (token !== undefined) headers.authorization = `Bearer ${await token()}`;
    if (request.body !== undefined) headers["content-type"] ??= "application/json";
    const body = typeof request.body === "string" ? request.body : JSON.stringify(request.body);
    try {
      const response = await agent.request({
        origin,
        path: `${base}${path}${queryString(request.query)}`,
        method: method as Dispatcher.HttpMethod,
        headers,
        body: request.body === undefined ? undefined : body,
        signal,
        bodyTimeout: 0,
      });
      // undici emits an error on a body that is left before its end; unheard, it would end the process.
      response.body.on("error", () => undefined);
      if (response.statusCode >= 300) throw await toApiError(response);
      return response;
    } catch (error) {
      throw unreachable(error, context.url);
    }
  }

  return {
    async request(method, path, request = {}) {
      const deadline = AbortSignal.timeout(DEADLINE_MS);
      const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
      const response = await send(method, path, request, "application/json", signal);
      const text = await readAll(response.body);
      if (text === "") return undefined;
      return parse(text, context.url);
    },
    async *lines(path, request = {}) {
      const signal = request.signal ?? new AbortController().signal;
      const response = await send("GET", path, request, "application/x-ndjson", signal);
      try {
        for await (const line of splitLines(response.body)) if (line !== "") yield parse(line, context.url);
      } catch (error) {
        throw unreachable(error, context.url);
      }
    },
    async *bytes(path, request = {}) {
      const signal = request.signal ?? new AbortController().signal;
      const response = await send("GET", path, request, "*/*", signal);
      try {
        yield* response.body as AsyncIterable<Uint8Array>;
      } catch (error) {
        throw unreachable(error, context.url);
      }
    },
    close: () => agent.destroy(),
  };
}

function queryString(query: ApiRequest["query"]): string {
  const pairs = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined) pairs.append(key, String(value));
  return pairs.size === 0 ? "" : `?${pairs}`;
}

/** readline forgets its input's errors: an export that broke off would look whole. */
async function* splitLines(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const part of body) {
    const lines = (rest + decoder.decode(part, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MAX_ANSWER_BYTES) throw new UserError("the gateway sent a line of more than 64 MiB");
    yield* lines;
  }
  yield rest + decoder.decode();
}

function readCa(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UserError(`caFile: ${path} cannot be read`, { cause: error });
  }
}

function parse(text: string, url: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UserError(`${url} answered something that is not JSON`, { next: "Is this the gateway's own URL?" });
  }
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new UserError("the answer is too large; narrow the question");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

async function toApiError(response: Dispatcher.ResponseData): Promise<ApiError> {
  const text = await readAll(response.body).catch(() => "");
  try {
    const problem: unknown = JSON.parse(text);
    if (problem !== null && typeof problem === "object")
      return new ApiError(response.statusCode, problem as Record<string, unknown>);
  } catch {
    // not a problem document: something else answers at this address
  }
  return new ApiError(response.statusCode, {});
}

const TLS_CODES = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_SSL|HOSTNAME_MISMATCH)/;

/** Why the gateway could not be asked, in words; an ApiError or UserError passes as it is. */
export function unreachable(error: unknown, url: string): unknown {
  if (error instanceof UserError) return error;
  const { code = "", name = "" } = (error ?? {}) as { code?: string; name?: string };
  if (TLS_CODES.test(code)) {
    return new UserError(`${url} is not who it claims to be (${code})`, {
      next: "Set caFile in the context (`sallyport login --ca-file F`), or NODE_EXTRA_CA_CERTS, to the gateway's authority.",
      cause: error,
    });
  }
  const reason = name === "TimeoutError" ? "no answer in time" : code || name || "unknown reason";
  return new UserError(`${url} cannot be reached (${reason})`, {
    next: "Check the URL and that the gateway runs: `sallyport doctor`.",
    cause: error,
  });
}
