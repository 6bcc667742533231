import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

/**
 * An API server that does no work and has long lists: `?mb=N` megabytes of the resource that the path names. Blocks
 * of ten megabytes are made once, and sent as often as it takes.
 */
const [certFile = "", keyFile = ""] = process.argv.slice(2);
const BLOCK = 10_000_000;

/** As many bytes as wanted, alike at every start, and as random as keys and certificates are. */
function noise(seed: string, length: number): string {
  let bytes = Buffer.alloc(0);
  for (let n = 0; bytes.length < length; n++) {
    bytes = Buffer.concat([bytes, createHash("sha512").update(`${seed}/${n}`).digest()]);
  }
  return bytes.subarray(0, length).toString("base64");
}

const metadata = (name: string, fields: string[]): object => ({
  name,
  namespace: "shop",
  uid: `5d1c7f0e-0000-4000-8000-${name.padStart(12, "0")}`,
  resourceVersion: "100",
  creationTimestamp: "2026-11-22T10:00:00Z",
  labels: { "app.kubernetes.io/name": "shop", "app.kubernetes.io/part-of": "bench" },
  managedFields: [
    {
      manager: "kubectl-client-side-apply",
      operation: "Update",
      apiVersion: "v1",
      time: "2026-11-22T10:00:00Z",
      fieldsType: "FieldsV1",
      fieldsV1: {
        "f:data": Object.fromEntries([".", ...fields].map((field) => [field === "." ? "." : `f:${field}`, {}])),
      },
    },
  ],
});

/** A TLS Secret with a password beside it. */
const secret = (i: number): object => ({
  metadata: metadata(`s${i}`, ["password", "tls.crt", "tls.key"]),
  data: { password: noise(`p${i}`, 18), "tls.crt": noise(`c${i}`, 1_500), "tls.key": noise(`k${i}`, 1_200) },
  type: "kubernetes.io/tls",
});
/** Settings, and in one of fifty a password that should have been a Secret. */
const configMap = (i: number): object => ({
  metadata: metadata(`c${i}`, ["application.properties"]),
  data: {
    "application.properties": `server.port=80${i % 100}\nspring.datasource.url=jdbc:postgresql://db-${i}/shop\n`.repeat(
      30,
    ),
    ...(i % 50 === 0 ? { "db-password": noise(`d${i}`, 18) } : {}),
  },
});

function block(item: (i: number) => object): Buffer {
  const items: string[] = [];
  for (let size = 0, i = 0; size < BLOCK; i++) {
    const text = JSON.stringify(item(i));
    items.push(text);
    size += text.length + 1;
  }
  return Buffer.from(`${items.join(",")},`);
}

const blocks: Record<string, Buffer> = { secrets: block(secret), configmaps: block(configMap) };
blocks.services = blocks.secrets as Buffer;
const last = '{"metadata":{"name":"last","namespace":"shop"}}]}\n';

const server = createServer(
  { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["http/1.1"] },
  async (req, res) => {
    req.resume();
    const url = new URL(req.url ?? "/", "http://localhost");
    const bytes = blocks[url.pathname.split("/").at(-1) ?? ""];
    if (bytes === undefined) {
      res.writeHead(404).end();
      return;
    }
    let wake = (): void => {};
    res.on("drain", () => wake()).on("close", () => wake());
    res.writeHead(200, { "content-type": "application/json" });
    res.write('{"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"100"},"items":[');
    for (let sent = 0; sent < Number(url.searchParams.get("mb")) * 1e6; sent += bytes.length) {
      // In the pieces that the API server's own encoder would flush, so that a slow reader makes it wait.
      for (let at = 0; at < bytes.length && !res.destroyed; at += 65_536) {
        if (res.write(bytes.subarray(at, at + 65_536))) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    res.end(last);
  },
);
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// Our stdin is a pipe of the bench: when it ends, the bench has, however it went.
process.stdin.on("end", () => process.exit(0)).resume();
