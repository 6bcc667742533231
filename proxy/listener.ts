import { readFileSync, unwatchFile, watchFile } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { UserError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

export interface ListenerOptions {
  /** `host:port`; port 0 takes a free one. */
  address: string;
  certFile: string;
  keyFile: string;
  handler: (req: IncomingMessage, res: ServerResponse) => void;
  log: Log;
}

export interface Listener {
  port: number;
  /** Stops accepting, lets what is open finish, and ends idle connections. */
  close(): Promise<void>;
}

/** The one TLS listener. Certificate and key are read again when they change. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const server = createServer({
    ...readKeyPair(options),
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
    // Session tokens with many groups are long; Node's own limit is 16 KiB for all headers.
    maxHeaderSize: 65_536,
  });
  server.keepAliveTimeout = 120_000; // Go clients keep theirs for 90 s, and race a server that closes first.
  server.headersTimeout = 30_000;
  server.requestTimeout = 300_000;
  server.timeout = 0; // A quiet watch sends nothing for a long time.
  server.maxRequestsPerSocket = 0;
  server.on("request", options.handler);
  // Node answers an odd Expect by itself; here the door refuses it in the caller's own protocol.
  server.on("checkExpectation", options.handler);
  server.on("connect", refuseSocket("405 Method Not Allowed"));
  server.on("clientError", (_error, socket) => refuseSocket("400 Bad Request")(undefined, socket as Socket));
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
    if (socket.writable) socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    else socket.destroy();
  };
}
