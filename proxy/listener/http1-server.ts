import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { HttpRequest, HttpResponse } from "../http.ts";

export interface HttpHandlers {
  handler: (req: HttpRequest, res: HttpResponse) => void;
  /**
   * Takes every request with an Upgrade header, with its socket and what of the next bytes came with it; HTTP/1.1
   * only. Without it such a request goes to `handler`.
   */
  upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

const LINGER_MS = 1_000;

/** Speaks HTTP/1.1 on sockets that it is given by `emit("connection", socket)`. */
export function createHttp1Server({ handler, upgrade }: HttpHandlers): Server {
  const server = createServer({
    // Session tokens with many groups are long; Node's own limit is 16 KiB for all headers.
    maxHeaderSize: 65_536,
    // How often Node looks for heads and bodies that are late.
    connectionsCheckingInterval: 2_000,
  });
  server.keepAliveTimeout = 120_000; // Go clients keep theirs for 90 s, and race a server that closes first.
  server.headersTimeout = 10_000; // A head is one packet or two; slow ones are held open on purpose.
  server.requestTimeout = 300_000;
  server.timeout = 0; // A quiet watch sends nothing for a long time.
  server.maxRequestsPerSocket = 0;
  const answering = new WeakMap<Duplex, Set<ServerResponse>>();
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    const open = answering.get(req.socket) ?? new Set();
    answering.set(req.socket, open.add(res));
    res.once("close", () => open.delete(res));
    handler(req, res as ServerResponse & HttpResponse);
  };
  server.on("request", handle);
  // Node answers an odd Expect by itself; here the door refuses it in the caller's own protocol.
  server.on("checkExpectation", handle);
  if (upgrade !== undefined) server.on("upgrade", upgrade);
  server.on("connect", (_req, socket) => refuseSocket(socket, "405 Method Not Allowed"));
  server.on("clientError", (_error, socket) => {
    // Bytes that are no HTTP, while an answer is on its way: a second answer would be read as part of the first.
    const begun = [...(answering.get(socket) ?? [])].some((res) => res.headersSent);
    if (begun) socket.destroy();
    else refuseSocket(socket, "400 Bad Request");
  });
  // It never listens itself, and it is then that Node begins to look for what is late.
  server.emit("listening");
  return server;
}

function refuseSocket(socket: Duplex, line: string): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // A client that goes on sending, or never closes its side, holds the socket no longer than it takes to read this.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
