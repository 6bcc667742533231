import type { IncomingHttpHeaders } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { createSecureContext } from "node:tls";
import { type Dispatcher, Pool } from "undici";
import { errorMessage, Refusal } from "../base/errors.ts";
import { CLIENT_GONE } from "./step.ts";

export interface UpstreamRequest {
  method: string;
  /** Path and query. */
  target: string;
  /** Flat list of names and values, exactly our set. */
  headers: string[];
  body: Uint8Array | Readable | null;
  signal: AbortSignal;
  /** How long the head is still waited for once the signal fired, since only it tells what became of the request; 0. */
  graceMs?: number;
  /** What to switch to; the answer has a `socket` then, or is one that a request gets. */
  upgrade?: string;
}

/** Where an upstream's answer goes. `write` returns false to ask for a pause; `resume` is then called when there is room. */
export interface Sink {
  write(chunk: Buffer): boolean;
  end(): void;
  fail(error: Error): void;
}

/** An API server that is to switch first asks its admission webhooks (10 s each, 30 s at most) and dials the kubelet. */
const UPGRADE_MS = 60_000;

/** What may wait for its sink before the upstream is asked to pause: pausing costs a turn of the loop, and most answers are smaller. */
const EARLY_LIMIT = 65_536;

/**
 * The head of an answer; its body waits until a sink is set. One object is handler and response, so
 * that a small answer costs no stream machinery at all.
 */
export class UpstreamResponse implements Dispatcher.DispatchHandler {
  status = 0;
  headers: IncomingHttpHeaders = {};
  /** Of a 101 that was asked for: the connection, which is nobody else's now, and is not read yet. */
  socket: Duplex | undefined;
  readonly #upgrade: boolean;
  #controller: Dispatcher.DispatchController | undefined;
  #sink: Sink | undefined;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #ended = false;
  #error: Error | undefined;
  readonly #settleHead: (error?: Error) => void;

  constructor(settleHead: (error?: Error) => void, upgrade = false) {
    this.#settleHead = settleHead;
    this.#upgrade = upgrade;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#error !== undefined) controller.abort(this.#error);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return;
    this.status = status;
    this.headers = headers;
    this.#settleHead();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sink === undefined) {
      this.#early.push(chunk);
      this.#earlyBytes += chunk.length;
      if (this.#earlyBytes > EARLY_LIMIT) controller.pause();
    } else if (!this.#sink.write(chunk)) {
      controller.pause();
    }
  }

  onResponseEnd(): void {
    this.#ended = true;
    this.#sink?.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#error = error;
    if (this.status === 0) this.#settleHead(error);
    else this.#sink?.fail(error);
  }

  onRequestUpgrade(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    socket: Duplex,
  ): void {
    // Without a listener a reset connection would end the process; what runs through it learns by `close`.
    socket.on("error", () => {});
    if (!this.#upgrade || this.#error !== undefined) {
      // One that comes without being asked for is a lie (CVE-2018-1002105).
      socket.destroy();
      const error = this.#error ?? new Error("the upstream switched protocols without being asked");
      controller.abort(error);
      this.#settleHead(error);
      return;
    }
    this.status = status;
    this.headers = headers;
    this.socket = socket;
    this.#settleHead();
  }

  /** The whole body where it came with its head, as a small answer's does; undefined where it must be streamed. */
  whole(): Buffer | undefined {
    if (!this.#ended || this.#error !== undefined || this.#sink !== undefined) return undefined;
    return this.#early.length === 1 ? this.#early[0] : Buffer.concat(this.#early);
  }

  /** Streams the body to the sink, from its first byte. */
  pipe(sink: Sink): void {
    this.#sink = sink;
    let room = true;
    for (const chunk of this.#early) room = sink.write(chunk) && room;
    this.#early = [];
    if (this.#error !== undefined) sink.fail(this.#error);
    else if (this.#ended) sink.end();
    else if (room) this.#controller?.resume();
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(error: Error): void {
    this.#error ??= error;
    this.#controller?.abort(error);
    this.socket?.destroy();
  }

  /** The whole body, up to a cap in bytes; over it the answer is aborted and refused. */
  read(limit: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      this.pipe({
        write: (chunk) => {
          size += chunk.length;
          if (size > limit) {
            const refusal = new Refusal(
              "unmaskable",
              `the answer is over ${limit} bytes, more than can be read at once`,
            );
            // Before the abort, which rejects too, as if the upstream had failed.
            reject(refusal);
            this.abort(refusal);
            return true;
          }
          chunks.push(chunk);
          return true;
        },
        end: () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, size)),
        fail: (error) => reject(unreachable(error)),
      });
    });
  }
}

/**
 * Sends one request and resolves with the head of its answer. Rejects with Refusal `upstream-unreachable` or
 * `upstream-timeout`; nothing is retried here, and a redirect is an answer like any other (CVE-2020-8559).
 */
export function send(pool: Pool, request: UpstreamRequest): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    const abort = (): void => response.abort(whyAborted(request.signal));
    const soon = (): void => {
      if (request.graceMs === undefined || response.status !== 0) abort();
      else setTimeout(abort, request.graceMs).unref();
    };
    const response = new UpstreamResponse((error) => {
      if (error === undefined) resolve(response);
      else reject(unreachable(error));
    }, request.upgrade !== undefined);
    if (request.signal.aborted) {
      reject(whyAborted(request.signal));
      return;
    }
    request.signal.addEventListener("abort", soon, { once: true });
    pool.dispatch(
      {
        path: request.target,
        method: request.method as Dispatcher.HttpMethod,
        headers: request.headers,
        body: request.body,
        // A write must reach the API server once or not at all: undici re-sends what it believes idempotent.
        idempotent: false,
        blocking: false,
        ...(request.upgrade === undefined ? {} : { upgrade: request.upgrade, headersTimeout: UPGRADE_MS }),
      },
      response,
    );
  });
}

/** Either the client has gone, or the time that the gateway gives its own questions is up. */
function whyAborted({ reason }: AbortSignal): Error {
  const late = (reason as { name?: unknown } | undefined)?.name === "TimeoutError";
  return late
    ? new UpstreamFailure("upstream-timeout", "the API server did not answer in time", false, reason)
    : new Error(CLIENT_GONE);
}

/** Error codes after which the request certainly did not reach the API server. */
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"]);

export class UpstreamFailure extends Refusal {
  /** True where the API server cannot have seen the request, so that an approval need not be spent on it. */
  readonly neverSent: boolean;
  constructor(code: "upstream-unreachable" | "upstream-timeout", message: string, neverSent: boolean, cause: unknown) {
    super(code, message, { cause, next: "Try again; the gateway itself retries no write." });
    this.neverSent = neverSent;
  }
}

/** What a failure of the way to the upstream is to the caller; a Refusal stays what it is. */
export function unreachable(error: Error): Refusal {
  if (error instanceof Refusal) return error;
  const code = (error as NodeJS.ErrnoException).code ?? "";
  const timeout = code === "UND_ERR_HEADERS_TIMEOUT" || code === "UND_ERR_CONNECT_TIMEOUT";
  return new UpstreamFailure(
    timeout ? "upstream-timeout" : "upstream-unreachable",
    timeout
      ? "the API server did not answer in time"
      : `the API server cannot be reached (${code || "connection failed"})`,
    NEVER_SENT.has(code) || /certificate|self.signed/i.test(errorMessage(error)),
    error,
  );
}

/** The connections to one API server. `tls` holds the CA, and the client certificate where there is one. */
export function openPool(server: string, tls: { ca?: string; cert?: string; key?: string; servername?: string }): Pool {
  const { servername, ...material } = tls;
  // Parsed once: an exec takes its connection with it, so that there are many new ones.
  const secureContext = createSecureContext(material);
  return new Pool(server, {
    connections: null,
    pipelining: 1,
    allowH2: false,
    connect: { secureContext, ...(servername === undefined ? {} : { servername }), timeout: 10_000 },
    // A quiet watch sends nothing for longer than undici's 300 s, and a held request's head comes late.
    bodyTimeout: 0,
    headersTimeout: 600_000,
    keepAliveTimeout: 60_000,
  });
}
