import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { silentLog } from "../../base/log.ts";
import { start } from "../../cli/up/command.ts";
import { type Listener, listen } from "../../proxy/listener/listener.ts";
import { type Authority, createAuthority } from "../../tools/control-plane/certificates.ts";
import { ensureTool } from "../../tools/ensure.ts";

const POD = {
  kind: "Pod",
  apiVersion: "v1",
  metadata: { name: "web", namespace: "default" },
  spec: { containers: [{ name: "main", image: "x", ports: [{ containerPort: 80 }] }] },
  status: { phase: "Running" },
};
const VERBS = { namespaced: true, verbs: ["get", "create"] };
const ANSWERS: Record<string, object> = {
  "/api": { kind: "APIVersions", versions: ["v1"] },
  "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [] },
  "/api/v1": {
    kind: "APIResourceList",
    groupVersion: "v1",
    resources: [{ name: "pods", singularName: "pod", kind: "Pod", ...VERBS }],
  },
  "/api/v1/namespaces/default/pods/web": POD,
};

let directory: string;
let authority: Authority;
let listener: Listener;
let seen: string[];
const file = (name: string): string => join(directory, name);

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "sallyport-listener-"));
  authority = await createAuthority("listener");
  writeFileSync(file("ca.crt"), authority.certificate);
  await writeCertificate();
  listener = await listen({
    address: "127.0.0.1:0",
    certFile: file("tls.crt"),
    keyFile: file("tls.key"),
    log: silentLog,
    handler: (req, res) => {
      const path = (req.url ?? "").split("?", 1)[0] ?? "";
      seen.push(`HTTP/${req.httpVersionMajor} ${req.method} ${path}`);
      res.writeHead(200, { "content-type": "application/json" });
      res.end(JSON.stringify(ANSWERS[path] ?? { kind: "Status" }));
    },
    upgrade: (req, socket) => {
      seen.push(`upgrade HTTP/${req.httpVersion} ${req.headers.upgrade}`);
      socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    },
  });
});
afterAll(async () => {
  await listener.close();
  rmSync(directory, { recursive: true, force: true });
});
beforeEach(() => {
  seen = [];
});

async function writeCertificate(): Promise<void> {
  const { certificate, key } = await authority.issueServer(["127.0.0.1"]);
  writeFileSync(file("tls.key"), key, { mode: 0o600 });
  writeFileSync(file("tls.crt"), certificate);
}

function open(protocols: string[] | undefined): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: listener.port,
      ca: authority.certificate,
      ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
    });
    socket.once("secureConnect", () => resolve(socket));
    socket.once("error", reject);
  });
}

const closed = (socket: { once(event: "close", done: () => void): unknown }): Promise<void> =>
  new Promise((resolve) => socket.once("close", resolve));

test.each([
  [["h2", "http/1.1"], "h2"],
  [["http/1.1", "h2"], "h2"],
  [["http/1.1"], "http/1.1"],
  [undefined, false],
] as const)("a client that offers %j speaks %s", async (offered, chosen) => {
  const socket = await open(offered === undefined ? undefined : [...offered]);
  expect(socket.alpnProtocol).toBe(chosen);
  socket.destroy();
});

test("a client that offers neither gets no connection (RFC 7301 §3.2)", async () => {
  await expect(open(["http/3"])).rejects.toThrow(/no application protocol/i);
});

describe("kubectl, which speaks HTTP/2 where it is offered", () => {
  test.each([
    ["exec", ["web", "--", "id"]],
    ["attach", ["web"]],
    ["port-forward", ["web", "0:80"]],
  ])("upgrades for %s on a connection of its own over HTTP/1.1 (node 60336)", async (verb, args) => {
    const server = ["--server", `https://127.0.0.1:${listener.port}`, "--certificate-authority", file("ca.crt")];
    await start(await ensureTool("kubectl"), [...server, "--token", "x", verb, ...args], {
      env: { HOME: directory },
      timeoutMs: 55_000,
    }).finished;
    expect(seen).toContain("HTTP/2 GET /api/v1/namespaces/default/pods/web");
    expect(seen).toContain("upgrade HTTP/1.1 websocket");
    expect(seen).toContain("upgrade HTTP/1.1 SPDY/3.1");
    expect(seen.filter((line) => /POST|exec|attach|portforward/.test(line))).toEqual([]);
  });
});

test("a changed certificate is used for the next handshake, and open connections go on", async () => {
  const before = await open(["h2"]);
  const serial = before.getPeerCertificate().serialNumber;
  await writeCertificate();
  for (;;) {
    const socket = await open(["h2"]);
    const now = socket.getPeerCertificate().serialNumber;
    socket.destroy();
    if (now !== serial) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(before.destroyed).toBe(false);
  before.destroy();
});

describe("a client that says nothing", () => {
  test.concurrent("in the handshake is let go", async () => {
    const socket = connectTcp(listener.port, "127.0.0.1");
    socket.on("error", () => {}).resume();
    await closed(socket);
  });

  test.concurrent.each([[["h2"]], [["http/1.1"]]])("after it chose %j is let go", async (offered) => {
    const socket = await open(offered);
    socket.on("error", () => {}).resume();
    await closed(socket);
  });
});
