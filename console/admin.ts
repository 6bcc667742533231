import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { errorMessage, UserError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

export interface AdminOptions {
  /** `host:port`; port 0 takes a free one. */
  address: string;
  /** Why the gateway is not ready, or undefined. */
  health(): string | undefined;
  /** Metrics in the text format of Prometheus; none where absent. */
  metrics?(): string | Promise<string>;
  log: Log;
}

export interface AdminServer {
  port: number;
  close(): Promise<void>;
}

/**
 * /livez, /readyz and /metrics, over plain HTTP on an address of their own: an orchestrator asks them, and
 * nothing else is served there. Rejects with a UserError where the address cannot be listened on.
 */
export async function openAdmin(options: AdminOptions): Promise<AdminServer> {
  const answer = async (path: string): Promise<[number, string]> => {
    if (path === "/livez") return [200, "ok\n"];
    if (path === "/readyz") {
      const reason = options.health();
      return reason === undefined ? [200, "ok\n"] : [503, `${reason}\n`];
    }
    if (path === "/metrics") return [200, (await options.metrics?.()) ?? ""];
    return [404, "not found\n"];
  };
  const server = createServer({ requestTimeout: 10_000, maxHeaderSize: 8192 }, (request, response) => {
    const [path = ""] = (request.url ?? "").split("?");
    const type = path === "/metrics" ? "text/plain; version=0.0.4; charset=utf-8" : "text/plain; charset=utf-8";
    const send = (status: number, text: string): void =>
      void response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(text);
    if (request.method !== "GET" && request.method !== "HEAD") return send(405, "method not allowed\n");
    answer(path).then(
      ([status, text]) => send(status, text),
      (error) => {
        options.log.error("the admin server failed", { path, error });
        send(500, "failed\n");
      },
    );
  });
  server.maxConnections = 100;
  const at = options.address.lastIndexOf(":");
  const host = options.address.slice(0, at).replace(/^\[|\]$/g, "");
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(
        new UserError(`admin.address ${options.address} cannot be listened on: ${errorMessage(error)}`, {
          cause: error,
        }),
      ),
    );
    server.listen(Number(options.address.slice(at + 1)), host, resolve);
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
