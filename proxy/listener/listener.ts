import { readFileSync, unwatchFile, watchFile } from "node:fs";
import type { AddressInfo, Server, Socket } from "node:net";
import { createServer } from "node:tls";
import { UserError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { createHttp1Server, type HttpHandlers } from "./http1-server.ts";
import { createHttp2Server } from "./http2-server.ts";

export interface ListenerOptions extends HttpHandlers {
  /** `host:port`; port 0 takes a free one. */
  address: string;
  certFile: string;
  keyFile: string;
  log: Log;
}

export interface Listener {
  port: number;
  /** Stops accepting, lets what is open finish, and ends idle connections. */
  close(): Promise<void>;
}

const HANDSHAKE_MS = 10_000;
const CLOSE_MS = 5_000;

/**
 * The one TLS listener. The handshake (ALPN, RFC 7301) says who speaks on a connection, before either of Node's
 * parsers has seen a byte: its `allowHTTP1` crashed on upgrades (node 60336). Certificate and key are read again
 * when they change.
 */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const http1 = createHttp1Server(options);
  const http2 = createHttp2Server(options.handler, options.log);
  const server = createServer({
    ...readKeyPair(options),
    minVersion: "TLSv1.2",
    ALPNProtocols: ["h2", "http/1.1"],
    handshakeTimeout: HANDSHAKE_MS,
    noDelay: true,
  });
  server.on("secureConnection", (socket) => {
    (socket.alpnProtocol === "h2" ? http2 : http1).emit("connection", socket);
  });
  server.on("tlsClientError", (error, socket) => {
    options.log.debug("TLS handshake failed", { error });
    socket.destroy();
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
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
      http1.close();
      http2.close(); // GOAWAY: a client opens its next stream elsewhere, and ends those that it has.
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, CLOSE_MS);
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
