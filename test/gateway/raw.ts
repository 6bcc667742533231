import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import type { Rig } from "./rig.ts";

/**
 * Sends bytes over a TLS socket of its own and gathers what comes back until the socket closes, or what has come is
 * enough. Nothing that comes for `quietMs` ends it too: where the gateway should have closed it, and has not.
 */
export function raw(
  rig: Rig,
  bytes: string | Buffer,
  { enough = () => false, quietMs = 30_000 }: { enough?: (text: string) => boolean; quietMs?: number } = {},
): Promise<{ text: string; closed: boolean }> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: rig.gateway.port,
      ca: readFileSync(rig.caFile),
      servername: "localhost",
    });
    let text = "";
    let closed = false;
    const finish = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ text, closed });
    };
    let timer = setTimeout(finish, 30_000);
    socket.once("secureConnect", () => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      clearTimeout(timer);
      if (enough(text)) finish();
      else timer = setTimeout(finish, quietMs);
    });
    socket.once("end", () => {
      closed = true;
      finish();
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNRESET" || error.code === "EPIPE") {
        closed = true;
        finish();
      } else reject(error);
    });
  });
}

/** The head of a request, each header on a line of its own; `Host` is there. */
export function head(line: string, headers: readonly string[]): string {
  return `${[`${line} HTTP/1.1`, "Host: localhost", ...headers].join("\r\n")}\r\n\r\n`;
}

export function statusOf(text: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);
}
