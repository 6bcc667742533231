import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect, createSecureContext, createServer } from "node:tls";
import { giveBackMemory } from "../../cli/serve/give-back-memory.ts";

// What no gateway in Node can do without: TLS on both sides, a connection for each of a client's, and nothing read.
const [upstream = "", caFile = "", certFile = "", keyFile = ""] = process.argv.slice(2);
const { hostname, port } = new URL(upstream);
const secureContext = createSecureContext({ ca: readFileSync(caFile) });

const server = createServer(
  { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["http/1.1"], noDelay: true },
  (client) => {
    const provider = connect({ host: hostname, port: Number(port), secureContext });
    for (const [from, to] of [
      [client, provider],
      [provider, client],
    ] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy()).on("close", () => to.destroy());
    }
  },
);
giveBackMemory();
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// Our stdin is a pipe of the bench: when it ends, the bench has, however it went.
process.stdin.on("end", () => process.exit(0)).resume();
