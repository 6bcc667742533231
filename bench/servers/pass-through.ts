import { readFileSync } from "node:fs";
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type Dispatcher, Pool } from "undici";

// The least that a gateway can be: node in, undici out, nothing looked at. With a certificate it takes TLS, as ours does.
const [upstream = "", caFile = "", certFile, keyFile] = process.argv.slice(2);
const pool = new Pool(upstream, {
  connections: null,
  pipelining: 1,
  allowH2: false,
  connect: { ca: readFileSync(caFile, "utf8") },
});

function handle(req: IncomingMessage, res: ServerResponse): void {
  const bodyless = req.method === "GET" || req.method === "HEAD";
  pool.dispatch(
    {
      path: req.url ?? "/",
      method: (req.method ?? "GET") as Dispatcher.HttpMethod,
      headers: { accept: req.headers.accept ?? "*/*" },
      body: bodyless ? null : req,
    },
    {
      onRequestStart() {},
      onResponseStart(controller, status, headers) {
        delete headers.connection;
        delete headers["keep-alive"];
        res.writeHead(status, headers as Record<string, string>);
        if (!req.url?.includes("watch=")) return;
        // A quiet watch shows that it stands; any other head goes out with the body, in one packet.
        res.flushHeaders();
        res.once("close", () => controller.abort(new Error("the client has gone")));
      },
      onResponseData(controller, chunk) {
        if (!res.write(chunk)) {
          controller.pause();
          res.once("drain", () => controller.resume());
        }
      },
      onResponseEnd() {
        res.end();
      },
      onResponseError() {
        res.destroy();
      },
    },
  );
}

const server =
  certFile === undefined || keyFile === undefined
    ? createPlainServer(handle)
    : createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["http/1.1"] }, handle);
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// Our stdin is a pipe of the bench: when it ends, the bench has, however it went.
process.stdin.on("end", () => process.exit(0)).resume();
