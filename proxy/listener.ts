import { readFileSync, unwatchFile, watchFile } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { UserError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

export interface ListenerOptions {
  /** `host:port`; port 0 takes a free one. */
  address: string;
  certFile: string;
  keyFile: string;
  handler: (req: IncomingMessage, res: ServerResponse) => void;
  /**
   * Takes every request with an Upgrade header, with its socket and what of the next bytes came with it. Without
   * it such a request goes to `handler`.
   */
  upgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => void;
  log: Log;
}

export interface Listener {
  port: number;
  /** Stops accepting, lets what is open finish, and ends idle connections. */
  close(): Promise<void>;
}

const LINGER_MS = 1_000;

/** The one TLS listener. Certificate and key are read again when they change. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const server = createServer({
    ...readKeyPair(options),
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
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
  const handle = (req: IncomingMessage, res: ServerResponse): void => {
    const open = answering.get(req.socket) ?? new Set();
    answering.set(req.socket, open.add(res));
    res.once("close", () => open.delete(res));
    options.handler(req, res);
  };
  server.on("request", handle);
  // Node answers an odd Expect by itself; here the door refuses it in the caller's own protocol.
  server.on("checkExpectation", handle);
  if (options.upgrade !== undefined) server.on("upgrade", options.upgrade);
  server.on("connect", refuseSocket("405 Method Not Allowed"));
  const answering = new WeakMap<Socket, Set<ServerResponse>>();
  server.on("clientError", (_error, socket) => {
    // Bytes that are no HTTP, while an answer is on its way: a second answer would be read as part of the first.
    const begun = [...(answering.get(socket as Socket) ?? [])].some((res) => res.headersSent);
    if (begun) socket.destroy();
    else refuseSocket("400 Bad Request")(undefined, socket as Socket);
  });
  server.on("tlsClientError", (error) => options.log.debug("TLS handshake failed", { error }));
  const reload = (): void => {
    try {
      server.setSecureContext({ ...readKeyPair(options), minVersion: "TLSv1.2" });
      options.log.info("read the certificate again", { certFile: options.certFile });
    } catch (error) {
      options.log.error("the changed certificate cannot be used; the old one goes on", { error });
    }
  };
  for (const file of [options.certFile, options.keyFile])
    watchFile(file, { interval: 1_000, persistent: false }, reload);
  await bind(server, options.address);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const file of [options.certFile, options.keyFile]) unwatchFile(file, reload);
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), 5_000);
      await closed;
      clearTimeout(timer);
    },
  };
}

function readKeyPair({ certFile, keyFile }: Pick<ListenerOptions, "certFile" | "keyFile">): {
  cert: Buffer;
  key: Buffer;
} {
  return { cert: readFileSync(certFile), key: readFileSync(keyFile) };
}

/** `host:port` taken apart; IPv6 hosts stand in brackets. */
export function splitAddress(address: string): { host: string; port: number } {
  const at = address.lastIndexOf(":");
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ""), port: Number(address.slice(at + 1)) };
}

/** Binds, and says in words what is wrong where it cannot. */
export async function bind(server: Server, address: string): Promise<void> {
  const { host, port } = splitAddress(address);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = error.code === "EADDRINUSE" ? "the port is already in use" : (error.code ?? error.message);
      reject(
        new UserError(`cannot listen on ${address}: ${why}`, {
          cause: error,
          next: "Change listen.address, or stop what uses the port.",
        }),
      );
    });
    server.listen(port, host, () => resolve());
  });
}

function refuseSocket(line: string): (_request: unknown, socket: Socket) => void {
  return (_request, socket) => {
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    // A client that goes on sending, or never closes its side, holds the socket no longer than it takes to read this.
    socket.resume();
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  };
}
