/**
 * Records what client-go programs (tools/goclient and kube-controller-manager) and a real API server say to each other
 * in protobuf: seeds of the fuzz target protobuf. Nothing of Secrets and tokens is kept.
 *
 *   node test/fuzz/record-protobuf.ts
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Agent, request } from "undici";
import { readEnvelope } from "../../kubernetes/body/protobuf/envelope.ts";
import { startControlPlane } from "../../tools/control-plane/start.ts";
import { ensureTool } from "../../tools/ensure.ts";

const BODIES = 80;
const BODY_BYTES = 4_000;
const PROTOBUF = "application/vnd.kubernetes.protobuf";

const bodies = new Map<string, string>();

function note(body: Buffer, contentType: unknown): void {
  if (contentType !== PROTOBUF || bodies.size >= BODIES || body.length > BODY_BYTES || body.length === 0) return;
  const { apiVersion, kind } = readEnvelope(body);
  if (!/Token|Secret/.test(kind))
    bodies.set(`${apiVersion} ${kind} ${Math.floor(body.length / 200)}`, body.toString("base64"));
}

const plane = await startControlPlane();
const folder = mkdtempSync(join(tmpdir(), "sallyport-seeds-"));
const dispatcher = new Agent({ connect: { ca: readFileSync(plane.caFile, "utf8") } });

async function record(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks);
  note(body, req.headers["content-type"]);
  const { accept, "content-type": contentType } = req.headers;
  const answer = await request(`${plane.server}${req.url}`, {
    dispatcher,
    method: (req.method ?? "GET") as "GET",
    headers: {
      authorization: `Bearer ${plane.adminToken}`,
      ...(accept === undefined ? {} : { accept }),
      ...(contentType === undefined ? {} : { "content-type": contentType }),
    },
    ...(body.length > 0 ? { body } : {}),
  });
  res.writeHead(answer.statusCode, answer.headers);
  const parts: Buffer[] = [];
  answer.body.on("data", (chunk: Buffer) => parts.push(chunk));
  // A client that has seen enough of a watch leaves.
  await pipeline(answer.body, res).catch(() => res.destroy());
  note(Buffer.concat(parts), answer.headers["content-type"]);
}

const recorder = createServer((req, res) => {
  record(req, res).catch((error: unknown) => {
    process.stderr.write(`${req.method} ${req.url}: ${String(error)}\n`);
    res.destroy();
  });
});
recorder.listen(0, "127.0.0.1");
await once(recorder, "listening");
const server = `http://127.0.0.1:${(recorder.address() as AddressInfo).port}`;

async function run(file: string, args: string[], seconds: number): Promise<void> {
  const child = spawn(file, args, { stdio: "ignore", env: { HOME: folder } });
  const timer = setTimeout(() => child.kill(), seconds * 1000);
  await once(child, "exit");
  clearTimeout(timer);
}

try {
  const kubeconfig = join(folder, "manager.json");
  const context = { name: "c", context: { cluster: "c", user: "" } };
  const clusters = [{ name: "c", cluster: { server } }];
  const config = { apiVersion: "v1", kind: "Config", clusters, contexts: [context], "current-context": "c" };
  writeFileSync(kubeconfig, JSON.stringify(config));
  const manager = [await ensureTool("kube-controller-manager"), await ensureTool("go-client")] as const;
  await Promise.all([
    run(manager[0], ["--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port=0"], 45),
    run(manager[1], ["--server", server], 45),
  ]);
  const lines = [...bodies.values()].map((body) => JSON.stringify(body));
  writeFileSync(new URL("./seeds/protobuf.json", import.meta.url), `[\n${lines.join(",\n")}\n]\n`);
  process.stderr.write(`${[...bodies.keys()].join("\n")}\n`);
} finally {
  recorder.closeAllConnections();
  recorder.close();
  await dispatcher.destroy();
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
}
