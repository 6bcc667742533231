import type { IncomingHttpHeaders } from "node:http";
import type { Readable, Writable } from "node:stream";

/**
 * A request as the listener hands it over: what Node's objects for HTTP/1.1 (IncomingMessage) and for HTTP/2
 * (Http2ServerRequest) have alike. Over HTTP/2 `headers` and `rawHeaders` hold the pseudo-headers too.
 */
export interface HttpRequest extends Readable {
  readonly method?: string | undefined;
  /** The request target: `:path` of HTTP/2. */
  readonly url?: string | undefined;
  readonly httpVersionMajor: number;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turn, as sent. */
  readonly rawHeaders: string[];
  readonly rawTrailers: string[];
  /** Whether it came to its end; over HTTP/2 only once its body was read. */
  readonly complete: boolean;
  readonly socket: { readonly remoteAddress?: string | undefined };
  /** HTTP/2 only. */
  readonly stream?: { readonly endAfterHeaders: boolean };
}

/** Its answer. `destroy` cuts what has begun: the connection over HTTP/1.1, the stream with an error over HTTP/2. */
export interface HttpResponse extends Writable {
  readonly req: HttpRequest;
  readonly headersSent: boolean;
  statusCode: number;
  writeHead(status: number, headers?: Record<string, string | number | string[]>): unknown;
  flushHeaders(): void;
}

/**
 * Bytes of the body that a request has; undefined where only its end will tell. RFC 9112 §6.3: one of two headers
 * announces a body, and nothing else does. RFC 9113 §8.1: whatever does not end with its headers has one.
 */
export function bodyLength({ headers, stream }: HttpRequest): number | undefined {
  const length = headers["content-length"];
  if (length !== undefined) return Number(length);
  const bodiless = stream === undefined ? headers["transfer-encoding"] === undefined : stream.endAfterHeaders;
  return bodiless ? 0 : undefined;
}
