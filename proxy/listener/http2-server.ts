import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Log } from "../../base/log.ts";
import type { HttpRequest, HttpResponse } from "../http.ts";
import { Request, Response } from "./http2-exchange.ts";

/**
 * An API server announces 100 (k8s.io/apiserver secure_serving.go). Node refuses what is one too many by its own count with
 * ENHANCE_YOUR_CALM, which Go does not ask again: at 100, client-go that ended its watches and went on at once was
 * refused now and then. What one identity has under way is capped elsewhere.
 */
const STREAMS = 1_000;
const STREAM_WINDOW = 262_144;
/** Of all headers together, as the HTTP/1.1 server has it. */
const HEADER_BYTES = 65_536;
const PREFACE_MS = 10_000;
/** Go clients keep theirs for 90 s, and race a server that closes first. */
const IDLE_MS = 120_000;
/** HTTP/1.1's requestTimeout. */
const REQUEST_MS = 300_000;

/** A server that is given its sockets. `close` lets what is open finish. */
export interface SocketServer {
  emit(event: "connection", socket: TLSSocket): unknown;
  close(): void;
}

/**
 * Speaks HTTP/2 on sockets that it is given by `emit("connection", socket)`, whose TLS handshake chose `h2`.
 *
 * nghttp2 ends what floods: over 8 CONTINUATION frames (CVE-2024-27316), over 1,000 unanswered SETTINGS or PINGs
 * (CVE-2019-9512, CVE-2019-9515), and resets past the rate below (CVE-2023-44487).
 */
export function createHttp2Server(handler: (req: HttpRequest, res: HttpResponse) => void, log: Log): SocketServer {
  const server = createServer({
    settings: { maxConcurrentStreams: STREAMS, initialWindowSize: STREAM_WINDOW, maxHeaderListSize: HEADER_BYTES },
    maxHeaderListPairs: 128,
    maxSettings: 32,
    // Megabytes, of what waits in one connection.
    maxSessionMemory: 32,
    maxSessionInvalidFrames: 100,
    maxSessionRejectedStreams: 100,
    // A controller that starts anew ends all its watches at once; who goes on and on is no such client.
    streamResetBurst: 1_000,
    streamResetRate: 33,
    Http2ServerRequest: Request,
    Http2ServerResponse: Response,
  });
  const handle = (req: Request, res: Response): void => {
    // nghttp2 holds to what was announced only once the client has acknowledged it, and a hostile one does not.
    if (req.rawHeaders.reduce((size, text) => size + text.length, 0) > HEADER_BYTES) {
      res.writeHead(431).end();
      return;
    }
    const late = req.stream.endAfterHeaders ? undefined : setTimeout(() => res.destroy(), REQUEST_MS).unref();
    if (late !== undefined) {
      req.once("end", () => clearTimeout(late));
      res.once("close", () => clearTimeout(late));
    }
    handler(req, res as Response & HttpResponse);
  };
  server.on("request", handle as never);
  server.on("checkExpectation", handle as never);
  server.on("session", endIdle);
  server.on("sessionError", (error) => log.debug("an HTTP/2 connection failed", { error }));
  return server;
}

/** Ends a session that says nothing, or has had no stream for a while: PINGs and SETTINGS alone keep none open. */
function endIdle(session: ServerHttp2Session): void {
  let open = 0;
  let timer = setTimeout(() => session.destroy(), PREFACE_MS).unref();
  const idle = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => session.close(), IDLE_MS).unref();
  };
  session.once("remoteSettings", () => open === 0 && idle());
  session.on("stream", (stream: ServerHttp2Stream) => {
    open++;
    clearTimeout(timer);
    stream.once("close", () => {
      if (--open === 0 && !session.closed) idle();
    });
  });
  session.once("close", () => clearTimeout(timer));
}
