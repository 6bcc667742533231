import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { awakeTime } from "../clocks.ts";
import { causesOf, kube, open } from "./client.ts";
import { type Rig, startRig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const PODS = "/api/v1/namespaces/shop/pods";
const CONFIG_MAPS = "/api/v1/namespaces/shop/configmaps";
const configMap = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" } };

/** The stub writes these bytes in place of an answer, and ends the connection where `end` says so. */
function answerBytes(bytes: string, end = true): void {
  rig.upstream.answer = (_seen, res) => {
    res.socket?.write(bytes);
    if (end) setTimeout(() => res.socket?.destroy(), 20);
  };
}

describe("an upstream that fails", () => {
  test.each([
    ["GET", PODS],
    ["POST", CONFIG_MAPS],
    ["GET", "/api/v1/namespaces/shop/secrets/db"],
  ])("and dies before its answer gives %s %s a 502, and is asked once", async (method, path) => {
    answerBytes("");
    const reply = await kube(rig, method, path, { token, ...(method === "POST" ? { body: configMap } : {}) });
    expect(reply.status).toBe(502);
    expect(causesOf(reply)).toEqual(["request/upstream-unreachable"]);
    expect(reply.headers["retry-after"]).toBeUndefined();
    expect(rig.upstream.seen).toHaveLength(1);
  });

  test.each([
    [
      "with a Content-Length",
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"kind":',
    ],
    [
      "in chunks",
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"kind":\r\n',
    ],
  ])("and dies in the middle of its answer %s cuts the connection, with no clean end", async (_title, bytes) => {
    answerBytes(bytes);
    const { statusCode, body } = await open(rig, "GET", `/connections/local${PODS}`, { token });
    expect(statusCode).toBe(200);
    await expect(body.text()).rejects.toThrow();
  });

  test("and dies in the middle of an answer to mask gives 502, and nothing of it", async () => {
    answerBytes('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"kind":"Secret"');
    const reply = await kube(rig, "GET", "/api/v1/namespaces/shop/secrets/db", { token });
    expect(reply.status).toBe(502);
    expect(reply.json).toMatchObject({ kind: "Status" });
  });

  test.each([
    [
      "a Content-Length that is too small",
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}SMUGGLED",
    ],
    [
      "two answers to one request",
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nSMUGGLED",
    ],
  ])("and sends %s passes none of the surplus on, to this request or the next", async (_title, bytes) => {
    answerBytes(bytes, false);
    const first = await kube(rig, "GET", PODS, { token });
    expect([first.status, first.text]).toEqual([200, "{}"]);
    rig.upstream.answer = (_seen, res) => res.end("[]");
    expect((await kube(rig, "GET", PODS, { token })).text).toBe("[]");
  });

  test.each([
    ["a status line that is none", "HTTP/1.1 2x0 OK\r\n\r\n"],
    [
      "both Content-Length and chunked",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
    ["another protocol", "SSH-2.0-OpenSSH_9.9\r\n"],
    [
      "101 unasked",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello",
    ],
  ])("and answers with %s gives 502", async (_title, bytes) => {
    answerBytes(bytes);
    const reply = await kube(rig, "GET", PODS, { token });
    expect(reply.status).toBe(502);
    expect(reply.text).not.toContain("hello");
    expect(rig.upstream.seen).toHaveLength(1);
  });

  test.each([301, 302, 303, 307, 308])(
    "CVE-2020-8559, CVE-2018-1002102, CVE-2022-3172: a %i is passed back, and never followed",
    async (status) => {
      const location = `${rig.upstream.server}/api/v1/namespaces/kube-system/secrets`;
      rig.upstream.answer = (_seen, res) => res.writeHead(status, { location }).end();
      const reply = await kube(rig, "GET", PODS, { token });
      expect([reply.status, reply.headers.location]).toEqual([status, location]);
      expect(rig.upstream.seen).toHaveLength(1);
    },
  );

  test("with 401 is the gateway's failure, not the caller's: 502, and its credential is read again", async () => {
    // Rotated while its request is under way: before it, the gateway's look once a second may have seen the new token.
    rig.upstream.answer = ({ headers }, res) => {
      const current = headers.authorization === "Bearer rotated";
      if (!current) writeFileSync(join(rig.directory, "token"), "rotated");
      res.writeHead(current ? 200 : 401, { "content-type": "application/json" });
      res.end("{}");
    };
    const first = await kube(rig, "GET", PODS, { token });
    expect(first.status).toBe(502);
    expect(causesOf(first)).toEqual(["request/credential-unavailable"]);
    expect(first.headers["www-authenticate"]).toBeUndefined();
    expect((await kube(rig, "GET", PODS, { token })).status).toBe(200);
    expect(rig.upstream.seen.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer the-gateways-own-token",
      "Bearer rotated",
    ]);
  });

  test("and is not there gives 502 at once, for reads and for writes", async () => {
    const down = await startRig({
      change: (config) => {
        const [connection] = config.connections as { server: string }[];
        if (connection !== undefined) connection.server = "https://127.0.0.1:1";
      },
    });
    try {
      const agent = await down.token("agent");
      const took = awakeTime();
      for (const reply of [
        await kube(down, "GET", PODS, { token: agent }),
        await kube(down, "POST", CONFIG_MAPS, { token: agent, body: configMap }),
      ]) {
        expect(reply.status).toBe(502);
        expect(reply.json).toMatchObject({ kind: "Status", code: 502 });
        expect(reply.headers["retry-after"]).toBeUndefined();
      }
      expect(took()).toBeLessThan(3_000);
    } finally {
      await down.close();
    }
  });
});
