import { appendFileSync, readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

/**
 * An API server that only writes down what it is asked, in a file of its own, before it answers: one line of JSON a
 * request. Usage: upstream <certificate> <key> <log file> <milliseconds that an answer takes>.
 */
const [certFile = "", keyFile = "", logFile = "", delay = "0"] = process.argv.slice(2);
const METHODS: Record<string, string> = { POST: "create", GET: "get" };

const server = createServer({ cert: readFileSync(certFile), key: readFileSync(keyFile) }, (req, res) => {
  const chunks: Buffer[] = [];
  req.on("data", (chunk: Buffer) => chunks.push(chunk));
  req.on("end", () => {
    const { pathname } = new URL(req.url ?? "/", "https://localhost");
    const answer = (status: number, body: object): void => {
      res.writeHead(status, { "content-type": "application/json" });
      res.end(JSON.stringify(body));
    };
    if (!pathname.startsWith("/api/v1/namespaces/shop/configmaps")) {
      answer(200, { kind: "List", apiVersion: "v1", metadata: { resourceVersion: "1" }, items: [] });
      return;
    }
    const sent = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString("utf8")) as ConfigMap);
    const name = sent.metadata?.name ?? pathname.split("/").at(-1) ?? "";
    const verb = METHODS[req.method ?? ""] ?? req.method;
    appendFileSync(logFile, `${JSON.stringify({ id: req.headers["audit-id"], verb, name })}\n`);
    const object = { kind: "ConfigMap", apiVersion: "v1", metadata: { name, namespace: "shop", uid: name } };
    setTimeout(() => answer(verb === "create" ? 201 : 200, { ...object, data: sent.data ?? {} }), Number(delay));
  });
});
server.keepAliveTimeout = 120_000;
// Whoever started it is gone.
process.stdin.resume().on("close", () => process.exit(0));
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));

interface ConfigMap {
  metadata?: { name?: string };
  data?: Record<string, string>;
}
