import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { text } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { kube, spooled, until } from "./client.ts";
import { head, raw, statusOf } from "./raw.ts";
import { type Rig, startRig } from "./rig.ts";
import {
  asked,
  dial,
  down,
  EXEC,
  SPDY,
  switchProtocols,
  type TunnelClient,
  type TunnelServer,
  up,
  V5,
  WEBSOCKET,
  withPods,
} from "./tunnel-client.ts";

let rig: Rig;
let token: string;
const open: TunnelClient[] = [];
beforeAll(async () => {
  rig = await startRig({ guardrails: { profiles: ["observe"], defaults: { record: "RequestResponse" } } });
  token = await rig.token("agent");
});
afterAll(() => rig.close());
beforeEach(() => {
  rig.upstream.seen.splice(0);
  rig.upstream.upgrade = undefined;
  rig.upstream.answer = withPods(
    (_seen, res) => void res.writeHead(403, { "content-type": "application/json" }).end(STATUS),
  );
});
afterEach(() => {
  for (const { socket } of open.splice(0)) socket.destroy();
});

const STATUS = '{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","reason":"Forbidden","code":403}';
const bearer = (): string => `Authorization: Bearer ${token}`;

async function upgrade(
  line = `GET ${EXEC}`,
  headers: readonly string[] = V5,
  behind?: Uint8Array,
): Promise<TunnelClient> {
  const client = await dial(rig, line, [bearer(), ...headers], behind);
  open.push(client);
  return client;
}

/** SPDY's PING: a client's numbers are odd, a server's even. */
const ping = (id: number): Buffer => Buffer.from([0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, id]);

/** A tunnel that stands, both its ends. */
async function tunnel(headers: readonly string[] = V5, line?: string): Promise<[TunnelClient, TunnelServer]> {
  const servers = switchProtocols(rig);
  const client = await upgrade(line, headers);
  expect(client.status).toBe(101);
  return [client, servers[0] as TunnelServer];
}

describe("an upgrade", () => {
  test.each([
    ["WebSocket, a GET", "GET", V5, { upgrade: "websocket", "sec-websocket-protocol": "v5.channel.k8s.io" }],
    ["SPDY, a POST", "POST", SPDY, { upgrade: "SPDY/3.1", "x-stream-protocol-version": "v4.channel.k8s.io" }],
  ])("over %s carries the bytes of both ends unharmed", async (_title, method, headers, expected) => {
    const [client, server] = await tunnel(headers, `${method} ${EXEC}`);
    expect(client.headers).toMatchObject({ connection: "Upgrade", ...expected });
    const sent = method === "GET" ? [up(0, "typed"), down(1, "printed")] : [ping(1), ping(2)];
    const [request, answer] = sent as [Buffer, Buffer];
    client.socket.write(request);
    await until(() => server.received().equals(request));
    server.socket.write(answer);
    await until(() => client.received().equals(answer));
  });

  test("reaches the upstream with our headers alone: no extension, no cookie, each stream protocol by itself", async () => {
    const extra = [
      "Sec-WebSocket-Extensions: permessage-deflate",
      "Cookie: a=b",
      "Origin: https://a.example",
      "X-Forwarded-For: 1.1.1.1",
    ];
    const [, server] = await tunnel([...V5, ...extra]);
    const names = server.seen.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
    for (const name of ["sec-websocket-extensions", "cookie", "origin", "x-forwarded-for"])
      expect(names).not.toContain(name);
    expect(server.seen.headers).toMatchObject({
      authorization: "Bearer the-gateways-own-token",
      "impersonate-user": "dev:agent@example.com",
      "sec-websocket-version": "13",
    });
    const [, spdy] = await tunnel(SPDY, `POST ${EXEC}`);
    const versions = spdy.seen.rawHeaders.filter((_, index, all) => all[index - 1] === "x-stream-protocol-version");
    expect(versions).toEqual(["v4.channel.k8s.io", "v3.channel.k8s.io"]);
  });

  test("bearer subprotocol: a token among the subprotocols is refused, and never forwarded", async () => {
    switchProtocols(rig);
    const token = "base64url.bearer.authorization.k8s.io.c2VjcmV0";
    const client = await upgrade(`GET ${EXEC}`, [...WEBSOCKET, `Sec-WebSocket-Protocol: v5.channel.k8s.io, ${token}`]);
    expect(client.status).toBe(400);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("offers the upstream only the subprotocols that the gateway can read", async () => {
    const [, server] = await tunnel([
      ...WEBSOCKET,
      "Sec-WebSocket-Protocol: chat, v4.base64.channel.k8s.io, v4.channel.k8s.io",
    ]);
    expect(server.seen.headers["sec-websocket-protocol"]).toBe("v4.channel.k8s.io");
  });

  const exec = `GET ${EXEC}`;
  test.each<[title: string, line: string, headers: readonly string[]]>([
    ["CVE-2018-1002105: to another protocol", exec, ["Connection: Upgrade", "Upgrade: h2c"]],
    ["CVE-2018-1002105: to two protocols at once", exec, V5.map((one) => one.replace(/websocket$/, "websocket, h2c"))],
    ["with a subprotocol that nobody here can read", exec, [...WEBSOCKET, "Sec-WebSocket-Protocol: chat"]],
    ["with a WebSocket key that is none", exec, V5.map((one) => one.replace("AQIDBAUGBwgJCgsMDQ4PEA==", "x"))],
    ["with a body", `POST ${EXEC}`, [...SPDY.slice(0, 4), "Content-Length: 4"]],
    ["with a chunked body", `POST ${EXEC}`, [...SPDY.slice(0, 4), "Transfer-Encoding: chunked"]],
    ["WebSocket watch [M]: of a watch of Secrets", exec.replace(/pods.*/, "secrets?watch=true"), V5],
    ["of a pod's log", exec.replace(/exec.*/, "log?follow=true"), V5],
    ["of the proxy of a pod", exec.replace(/exec.*/, "proxy/exec"), V5],
    ["of the exec of another group's pods", exec.replace("/api/v1", "/apis/example.com/v1"), V5],
    ["of a watch of an exec", exec.replace("/api/v1", "/api/v1/watch"), V5],
  ])("%s is refused with 400, and the upstream hears nothing", async (_title, line, headers) => {
    switchProtocols(rig);
    const client = await upgrade(line, headers, Buffer.from("abcd"));
    expect(client.status).toBe(400);
    await until(() => client.closed);
    expect(client.received().toString()).toContain('"kind":"Status"');
    expect(client.headers.connection).toBe("close");
    expect(rig.upstream.seen).toEqual([]);
  });

  test("CVE-2018-1002105: after an upgrade that the upstream refused the socket closes, and what was pipelined behind it reaches nobody", async () => {
    const second = head("GET /connections/local/api/v1/namespaces/kube-system/secrets/root", [bearer()]);
    const client = await upgrade(`GET ${EXEC}`, V5, Buffer.from(second));
    expect(client.status).toBe(403);
    await until(() => client.closed);
    expect(client.received().toString()).toContain(STATUS);
    rig.upstream.answer = withPods((_seen, res) => void res.end("{}"));
    client.socket.write(second);
    const other = await kube(rig, "GET", "/api/v1/namespaces/shop/pods", { token });
    expect(other.status).toBe(200);
    expect(asked(rig).map(({ url }) => url)).toEqual([
      "/api/v1/namespaces/shop/pods/web/exec?command=cat&command=-&stdin=true&stdout=true",
      "/api/v1/namespaces/shop/pods",
    ]);
  });

  test("CVE-2018-1002105: a 200 to an upgrade is an answer, and no tunnel", async () => {
    rig.upstream.answer = withPods((_seen, res) => void res.writeHead(200, { upgrade: "websocket" }).end("plain"));
    const client = await upgrade(`GET ${EXEC}`, V5, up(0, "typed"));
    expect(client.status).toBe(200);
    await until(() => client.closed);
    expect(client.headers.upgrade).toBeUndefined();
    expect(asked(rig)).toHaveLength(1);
  });

  test.each([301, 302, 307, 308])(
    "CVE-2020-8559, CVE-2018-1002102: a %i to an upgrade is passed back, never followed",
    async (status) => {
      const location = `${rig.upstream.server}/api/v1/namespaces/kube-system/secrets`;
      rig.upstream.answer = withPods((_seen, res) => void res.writeHead(status, { location }).end());
      const client = await upgrade();
      expect([client.status, client.headers.location]).toEqual([status, location]);
      await until(() => client.closed);
      expect(asked(rig)).toHaveLength(1);
    },
  );

  test.each([
    ["another protocol", ["Upgrade: SPDY/3.1", "Sec-WebSocket-Protocol: v5.channel.k8s.io"]],
    ["another subprotocol", ["Upgrade: websocket", "Sec-WebSocket-Protocol: v4.channel.k8s.io"]],
    ["no subprotocol", ["Upgrade: websocket"]],
    [
      "an extension",
      [
        "Upgrade: websocket",
        "Sec-WebSocket-Protocol: v5.channel.k8s.io",
        "Sec-WebSocket-Extensions: permessage-deflate",
      ],
    ],
  ])("a 101 that names %s is refused with 502, and the upstream's connection closes", async (_title, headers) => {
    const servers = switchProtocols(rig, { headers: ["Connection: Upgrade", ...headers], extra: down(1, "leak") });
    const client = await upgrade();
    expect(client.status).toBe(502);
    expect(client.received().toString()).not.toContain("leak");
    await until(() => servers[0]?.closed);
  });

  test("loses neither what the client sent before the 101 nor what came with it", async () => {
    const servers = switchProtocols(rig, { extra: down(1, "first") });
    const client = await upgrade(`GET ${EXEC}`, V5, up(0, "early"));
    await until(() => servers[0]?.received().equals(up(0, "early")));
    await until(() => client.received().equals(down(1, "first")));
  });

  test("that is pipelined behind a request which is not answered yet closes the connection, and no process ends", async () => {
    rig.upstream.answer = () => {};
    const first = head("GET /connections/local/api/v1/namespaces/shop/pods", [bearer()]);
    const { closed } = await raw(rig, first + head(`GET ${EXEC}`, [bearer(), ...V5]));
    expect(closed).toBe(true);
    rig.upstream.answer = withPods((_seen, res) => void res.end("{}"));
    expect((await kube(rig, "GET", "/api/v1/namespaces/shop/pods", { token })).status).toBe(200);
  });

  test("without a token is refused with 401, and the upstream hears nothing", async () => {
    const { text, closed } = await raw(rig, head(`GET ${EXEC}`, V5));
    expect([statusOf(text), closed]).toEqual([401, true]);
    expect(rig.upstream.seen).toEqual([]);
  });
});

test.each(["GET", "POST"])(
  "a %s of exec without an upgrade is decided, and answered as the API server does",
  async (method) => {
    rig.upstream.answer = withPods((_seen, res) => void res.writeHead(400).end("Upgrade request required"));
    const path = EXEC.replace("/connections/local", "");
    const reply = await kube(rig, method, path, { token });
    expect([reply.status, reply.text]).toEqual([400, "Upgrade request required"]);
    const verb = method === "GET" ? "get" : "create";
    const row = await until(() =>
      spooled(rig).find((one) => one.kind === "request.outcome" && one.status === 400 && one.verb === verb),
    );
    expect(row).toMatchObject({ subresource: "exec", rules: ["access/exec"] });
  },
);

test("over HTTP/2 nothing upgrades: exec is answered as the API server answers it, and RFC 8441 is not offered", async () => {
  rig.upstream.answer = withPods((_seen, res) => void res.writeHead(400).end("Upgrade request required"));
  const session = connect(`https://localhost:${rig.gateway.port}`, { ca: readFileSync(rig.caFile) });
  try {
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(session.remoteSettings.enableConnectProtocol).not.toBe(true);
    const stream = session.request({ ":path": EXEC, authorization: `Bearer ${token}` });
    const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(400);
    expect(await text(stream)).toBe("Upgrade request required");
  } finally {
    session.close();
  }
});

describe("a tunnel", () => {
  test("ends upstream when its client goes away, and at the client when the upstream ends", async () => {
    const [client, server] = await tunnel();
    client.socket.destroy();
    await until(() => server.closed);
    const [other, upstream] = await tunnel();
    upstream.socket.end();
    await until(() => other.closed);
  });

  test("carries what the upstream still says after its client has closed its own side", async () => {
    const servers: { end(): void }[] = [];
    rig.upstream.upgrade = (_seen, socket) => {
      socket.write(
        [
          "HTTP/1.1 101 Switching Protocols",
          "Connection: Upgrade",
          "Upgrade: websocket",
          "Sec-WebSocket-Protocol: v5.channel.k8s.io",
          "",
          "",
        ].join("\r\n"),
      );
      socket.allowHalfOpen = true;
      socket.resume().on("end", () => socket.end(down(1, "last words")));
      servers.push(socket);
    };
    const client = await upgrade();
    client.socket.allowHalfOpen = true;
    client.socket.end();
    await until(() => client.received().equals(down(1, "last words")));
  });

  test.each([
    ["a client frame that is not masked", (client: TunnelClient) => client.socket.write(down(0, "typed"))],
    [
      "a server frame that is masked",
      (_client: TunnelClient, server: TunnelServer) => server.socket.write(up(1, "printed")),
    ],
    ["reserved bits", (client: TunnelClient) => client.socket.write(Buffer.from("f2810102030400", "hex"))],
  ])("closes at %s, and passes nothing of it on", async (_title, send) => {
    const [client, server] = await tunnel();
    send(client, server);
    await until(() => client.closed && server.closed);
    expect([client.received().length, server.received().length]).toEqual([0, 0]);
  });

  test("does not run ahead of a client that does not read", async () => {
    const [client, server] = await tunnel();
    client.socket.pause();
    const part = down(1, Buffer.alloc(65_536, "x"));
    let written = 0;
    const more = (): void => {
      while (!server.closed && written < 256 * 1024 * 1024 && server.socket.write(part)) written += part.length;
      written += part.length;
      server.socket.once("drain", more);
    };
    more();
    for (let last = -1; last !== written; ) {
      last = written;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    expect(written).toBeLessThan(64 * 1024 * 1024);
  });
});
