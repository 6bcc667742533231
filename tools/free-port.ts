import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/**
 * Below what Linux (32768) and macOS (49152) give to whoever asks for any port: between now and the bind that the
 * port is for, no connection and no other server is given it.
 */
const FIRST = 15_000;
const LAST = 29_999;
const ATTEMPTS = 50;

/** A TCP port of loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = await listened(randomInt(FIRST, LAST + 1)).catch(() => undefined);
    if (port !== undefined) return port;
  }
  return listened(0);
}

function listened(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
