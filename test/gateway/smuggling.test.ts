import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import { describe, expect, test } from "vitest";
import { awakeTime } from "../clocks.ts";
import { head, raw, statusOf } from "./raw.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const PODS = "/connections/local/api/v1/namespaces/shop/pods";
const POST = `POST ${PODS}`;
const SMUGGLED = "GET /api/v1/namespaces/kube-system/secrets/root HTTP/1.1\r\nHost: localhost\r\n\r\n";
const bearer = (): string => `Authorization: Bearer ${token}`;
const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

/** Requests that two parsers read in two ways: GET /smuggled is what an upstream must never see. */
const corpus: [title: string, bytes: () => string][] = [
  [
    "CL.TE: Content-Length beside chunked",
    () => `${head(POST, [bearer(), "Content-Length: 6", "Transfer-Encoding: chunked"])}0\r\n\r\n${SMUGGLED}`,
  ],
  [
    "TE.CL: chunked beside Content-Length",
    () => head(POST, [bearer(), "Transfer-Encoding: chunked", "Content-Length: 4"]) + chunk(SMUGGLED) + chunk(""),
  ],
  [
    "TE.TE: a second Transfer-Encoding",
    () => `${head(POST, [bearer(), "Transfer-Encoding: chunked", "Transfer-Encoding: x"])}0\r\n\r\n${SMUGGLED}`,
  ],
  ["an obfuscated Transfer-Encoding", () => head(POST, [bearer(), "Transfer-Encoding: xchunked"]) + SMUGGLED],
  ["a blank before the colon", () => `${head(POST, [bearer(), "Transfer-Encoding : chunked"])}0\r\n\r\n${SMUGGLED}`],
  ["two Content-Lengths", () => head(POST, [bearer(), "Content-Length: 0", "Content-Length: 80"]) + SMUGGLED],
  ["a list as Content-Length", () => head(POST, [bearer(), "Content-Length: 0, 80"]) + SMUGGLED],
  ["a signed Content-Length", () => head(POST, [bearer(), "Content-Length: +5"]) + SMUGGLED],
  ["a hexadecimal Content-Length", () => head(POST, [bearer(), "Content-Length: 0x5"]) + SMUGGLED],
  ["obs-fold in a header", () => head(`GET ${PODS}`, [bearer(), "X-A: b", "  Impersonate-User: root"])],
  ["obs-fold with a tab", () => head(`GET ${PODS}`, [bearer(), "X-A: b", "\tX-Remote-User: root"])],
  ["a bare CR in a header's value", () => head(`GET ${PODS}`, [bearer(), "X-A: b\rImpersonate-User: root"])],
  ["a bare LF in a header's value", () => head(`GET ${PODS}`, [bearer(), "X-A: b\nImpersonate-User: root"])],
  ["a NUL in a header's value", () => head(`GET ${PODS}`, [bearer(), "X-A: b\0c"])],
  ["a blank in a header's name", () => head(`GET ${PODS}`, [bearer(), "Impersonate User: root"])],
  ["a header without a name", () => head(`GET ${PODS}`, [bearer(), ": root"])],
  ["a blank before the first header", () => `GET ${PODS} HTTP/1.1\r\n Host: localhost\r\n${bearer()}\r\n\r\n`],
  ["HTTP/0.9", () => `GET ${PODS}\r\n\r\n`],
  ["HTTP/1.1 without a Host", () => `GET ${PODS} HTTP/1.1\r\n${bearer()}\r\n\r\n`],
  ["HTTP/2's preface", () => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  [
    "a chunk size that is no number",
    () => `${head(POST, [bearer(), "Transfer-Encoding: chunked"])}zz\r\nabc\r\n0\r\n\r\n`,
  ],
  [
    "a chunk size that overflows",
    () => `${head(POST, [bearer(), "Transfer-Encoding: chunked"])}fffffffffffffffff\r\nabc\r\n0\r\n\r\n`,
  ],
  [
    "a chunk longer than its size",
    () => `${head(POST, [bearer(), "Transfer-Encoding: chunked"])}3\r\nabcdef\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  ["headers of over 64 KiB", () => head(`GET ${PODS}`, [bearer(), `X-A: ${"a".repeat(70_000)}`])],
  ["many small headers", () => head(`GET ${PODS}`, [bearer(), ...Array.from({ length: 3000 }, (_, i) => `X-${i}: a`)])],
];

describe("undici CVE-2026-1525: nothing is smuggled past the gateway", () => {
  test.each(corpus)("%s is refused and nothing of it reaches the API server", async (_title, bytes) => {
    const { text, closed } = await raw(rig, bytes());
    expect(statusOf(text)).toBeGreaterThanOrEqual(400);
    expect(text.match(/HTTP\/1\.1 [1-3]\d\d/)).toBeNull();
    expect(closed).toBe(true);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("undici CVE-2026-1527: an encoded CRLF in path or query stays encoded or is refused", async () => {
    const inPath = await raw(
      rig,
      head("GET /connections/local/api/v1/namespaces/a%0d%0aX-Remote-User:%20r/pods", [bearer(), "Connection: close"]),
    );
    expect(statusOf(inPath.text)).toBe(400);
    await raw(rig, head(`GET ${PODS}?labelSelector=a%0d%0aX-Remote-User:%20root`, [bearer(), "Connection: close"]));
    expect(rig.upstream.seen.map(({ url }) => url)).toEqual([
      "/api/v1/namespaces/shop/pods?labelSelector=a%0d%0aX-Remote-User:%20root",
    ]);
    expect(rig.upstream.seen[0]?.headers).not.toHaveProperty("x-remote-user");
  });

  test("an unannounced trailer never reaches the API server, whether the body is read or streamed", async () => {
    for (const path of [PODS, "/connections/local/api/v1/namespaces/shop/configmaps"]) {
      const body = chunk('{"kind":"X","apiVersion":"v1","metadata":{"name":"a"}}');
      const bytes = `${head(`POST ${path}`, [bearer(), "Content-Type: application/json", "Transfer-Encoding: chunked"])}${body}0\r\nImpersonate-User: root\r\n\r\n`;
      const { text } = await raw(rig, bytes, { enough: (text) => statusOf(text) > 0 });
      expect(statusOf(text)).toBe(400);
    }
    expect(rig.upstream.seen).toEqual([]);
  });

  test("a request that is pipelined behind a refused one needs a token of its own", async () => {
    const refused = head(`GET ${PODS}`, [bearer(), "Impersonate-User: root"]);
    const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
    const bytes = refused + head(`GET ${PODS}`, []) + head(`GET ${PODS}?third`, [bearer()]);
    const { text } = await raw(rig, bytes, { enough: (text) => statuses(text).length >= 3 });
    expect(statuses(text)).toEqual([403, 401, 200]);
    expect(rig.upstream.seen.map(({ url }) => url)).toEqual(["/api/v1/namespaces/shop/pods?third"]);
  });

  test("a body that was refused unread is not taken for the next request", async () => {
    const bytes = head(POST, [bearer(), "Impersonate-User: root", `Content-Length: ${SMUGGLED.length}`]) + SMUGGLED;
    const { text, closed } = await raw(rig, bytes);
    expect(text.match(/HTTP\/1\.1 \d{3}/g)).toEqual(["HTTP/1.1 403"]);
    expect(closed).toBe(true);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("bytes that are no HTTP behind an answer that streams cut it, and are not answered into it", async () => {
    rig.upstream.answer = (_seen, res) => {
      res.writeHead(200, { "content-type": "application/json" });
      res.write('{"type":"ADDED"}\n');
    };
    let text = "";
    const socket = openSocket().on("data", (part: Buffer) => {
      text += part.toString("latin1");
      if (text.includes("ADDED")) socket.write("\0\0\0garbage\r\n\r\n");
    });
    socket.write(head(`GET ${PODS}?watch=1`, [bearer()]));
    await new Promise((resolve) => socket.once("close", resolve));
    expect(text).toContain("ADDED");
    expect(text).not.toContain("400 Bad Request");
    expect(text).not.toContain("\r\n0\r\n");
  });
});

function openSocket(): TLSSocket {
  const ca = readFileSync(rig.caFile);
  return connect({ host: "127.0.0.1", port: rig.gateway.port, ca, servername: "localhost" }).on("error", () => {});
}

describe("sockets that misbehave", () => {
  test.concurrent("a head that trickles in is cut off", async () => {
    const took = awakeTime();
    const socket = openSocket();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(`GET ${PODS} HTTP/1.1\r\nHost: localhost\r\n`);
    const timer = setInterval(() => socket.write("X-A: b\r\n"), 500);
    await closed;
    clearInterval(timer);
    expect(took()).toBeLessThan(16_000);
  });

  test.concurrent("a request whose body ends half-way is not forwarded as a whole", async () => {
    const socket = openSocket().resume();
    const path = "/connections/local/api/v1/namespaces/half/configmaps";
    socket.end(`${head(`POST ${path}`, [bearer(), "Content-Length: 100"])}{"kind":`);
    await new Promise((resolve) => socket.once("close", resolve));
    expect(rig.upstream.seen.filter(({ url }) => url.includes("/half/"))).toEqual([]);
  });
});
