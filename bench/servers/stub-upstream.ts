import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

// An API server that does no work: what a request costs beside it is what the way to it costs.
const [certFile = "", keyFile = ""] = process.argv.slice(2);
const pod = {
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "web", namespace: "shop", uid: "0", resourceVersion: "1", annotations: { padding: "" } },
  spec: { containers: [{ name: "main", image: "registry.example.com/web:1" }] },
};
pod.metadata.annotations.padding = "x".repeat(4096 - JSON.stringify(pod).length);
const body = Buffer.from(JSON.stringify(pod));

const server = createServer(
  { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["http/1.1"] },
  (req, res) => {
    req.resume();
    res.writeHead(200, { "content-type": "application/json", "content-length": body.length });
    res.end(body);
  },
);
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// Our stdin is a pipe of the bench: when it ends, the bench has, however it went.
process.stdin.on("end", () => process.exit(0)).resume();
