import { describe, expect, test } from "vitest";
import { spooled, until } from "./client.ts";
import { ask, block, END_HEADERS, END_STREAM, FRAME, frame, openSession, rawConnection, request } from "./h2.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const PODS = "/connections/local/api/v1/namespaces/shop/pods";

describe("refused at the door of HTTP/2", () => {
  /** Added to a request that would pass, or in the place of what it has. */
  const heads: [title: string, headers: [string, string][], status: number][] = [
    [
      "an absolute :path of another scheme, which nghttp2 does not look at",
      [
        [":scheme", "ftp"],
        [":path", "x"],
      ],
      400,
    ],
    ["a scheme that is not https", [[":scheme", "http"]], 400],
    ["a Host that is not the :authority", [["host", "other"]], 400],
    ["TRACE", [[":method", "TRACE"]], 405],
    ["PROPFIND", [[":method", "PROPFIND"]], 405],
    [
      "OPTIONS *",
      [
        [":method", "OPTIONS"],
        [":path", "*"],
      ],
      400,
    ],
    ["an encoded slash", [[":path", "/connections/local/api/v1/namespaces/shop%2Fsecrets/db/pods"]], 400],
    ["a dot segment", [[":path", `${PODS}/../secrets/db`]], 400],
    ["an unknown connection", [[":path", "/connections/prod/api/v1/pods"]], 404],
    ["an Expect other than 100-continue", [["expect", "200-ok"]], 400],
    ["an announced trailer", [["trailer", "impersonate-user"]], 400],
    ["OCM cluster-proxy 329: impersonate-user", [["impersonate-user", "system:admin"]], 403],
    ["x-remote-group", [["x-remote-group", "system:masters"]], 403],
    ["more than 100 headers", Array.from({ length: 100 }, (_, i): [string, string] => [`x-${i}`, "a"]), 400],
  ];
  test.each(heads)("%s is refused, and the API server never hears of it", async (_title, more, status) => {
    const head = request("GET", PODS, token);
    for (const [name, value] of more) {
      const known = head.find(([one]) => one === name);
      if (known === undefined) head.push([name, value]);
      else known[1] = value;
    }
    const session = openSession(rig);
    const answer = await ask(session, head.flat() as never);
    session.destroy();
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain("PodList");
    expect(rig.upstream.seen).toEqual([]);
  });

  const malformed: [title: string, change: (head: [string, string][]) => [string, string][]][] = [
    ["an absolute :path", (head) => head.map(([n, v]) => [n, n === ":path" ? `https://other${v}` : v])],
    ["no :path", (head) => head.filter(([name]) => name !== ":path")],
    ["two :path", (head) => [[":path", "/livez"], ...head]],
    ["a pseudo-header behind a header", (head) => [...head.slice(1), head[0] as [string, string]]],
    ["an unknown pseudo-header", (head) => [[":token", "x"], ...head]],
    ["a name in capitals", (head) => [...head, ["Impersonate-User", "system:admin"]]],
    ["connection", (head) => [...head, ["connection", "authorization"]]],
    ["transfer-encoding", (head) => [...head, ["transfer-encoding", "chunked"]]],
    ["WebSocket watch [M]: upgrade", (head) => [...head, ["upgrade", "websocket"]]],
    ["te other than trailers", (head) => [...head, ["te", "gzip"]]],
    ["a Content-Length that is not so", (head) => [...head, ["content-length", "5"]]],
    ["two Content-Lengths", (head) => [...head, ["content-length", "0"], ["content-length", "1"]]],
    [
      "extended CONNECT (RFC 8441), which would open a WebSocket",
      (head) => [
        ...head.map(([n, v]): [string, string] => [n, n === ":method" ? "CONNECT" : v]),
        [":protocol", "websocket"],
      ],
    ],
  ];
  test.each(malformed)("%s is malformed: the stream is reset, and nobody hears of it", async (_title, change) => {
    const connection = await rawConnection(rig);
    const head = change(request("GET", PODS, token));
    connection.send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block(head)));
    await until(() => connection.ended(1) !== undefined);
    connection.socket.destroy();
    expect(connection.frames.filter(({ type, stream }) => type === FRAME.headers && stream === 1)).toEqual([]);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("a second authorization is refused, which Node's own client does not send", async () => {
    const connection = await rawConnection(rig);
    const head: [string, string][] = [...request("GET", PODS, token), ["authorization", "Bearer other"]];
    connection.send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block(head)));
    await until(() => connection.whole(1));
    connection.socket.destroy();
    const answer = connection.frames.find(({ type, stream }) => type === FRAME.headers && stream === 1);
    // The static table's entry 12 is `:status: 400` (RFC 7541 Appendix A).
    expect(answer?.payload[0]).toBe(0x80 | 12);
    expect(rig.upstream.seen).toEqual([]);
  });

  test.each([
    ["a line feed", "b\r\nimpersonate-user: system:admin"],
    ["a NUL", "b\0impersonate-user: system:admin"],
  ])("undici CVE-2026-1527: a header with %s is dropped by nghttp2, whole", async (_title, value) => {
    const connection = await rawConnection(rig);
    const head: [string, string][] = [...request("GET", PODS, token), ["user-agent", value]];
    connection.send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block(head)));
    await until(() => connection.whole(1));
    connection.socket.destroy();
    expect(rig.upstream.seen.map(({ headers }) => headers["user-agent"])).toEqual([undefined]);
    expect(JSON.stringify(rig.upstream.seen)).not.toContain("system:admin");
  });

  test("CONNECT is refused", async () => {
    const session = openSession(rig);
    const { status } = await ask(session, { ":method": "CONNECT", ":authority": "127.0.0.1:6443" });
    session.destroy();
    expect(status).toBe(405);
  });

  test.each([
    [
      "read",
      "POST",
      `/connections/local/api/v1/namespaces/shop/configmaps`,
      '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"}}',
    ],
    ["streamed", "POST", `/connections/local/apis/authorization.k8s.io/v1/selfsubjectaccessreviews`, "{}"],
  ])("trailers behind a body that is %s never reach the API server", async (_title, method, path, body) => {
    for (const length of [[], [["content-length", String(body.length)]]] as [string, string][][]) {
      rig.upstream.seen.splice(0);
      const connection = await rawConnection(rig);
      connection.send(
        frame(
          FRAME.headers,
          END_HEADERS,
          1,
          block([...request(method, path, token), ["content-type", "application/json"], ...length]),
        ),
        frame(FRAME.data, 0, 1, Buffer.from(body)),
        frame(FRAME.headers, END_HEADERS | END_STREAM, 1, block([["impersonate-user", "system:admin"]])),
      );
      await until(() => connection.whole(1) || connection.ended(1) !== undefined);
      connection.socket.destroy();
      expect(JSON.stringify(rig.upstream.seen)).not.toContain("system:admin");
    }
  });

  test("a refusal is on record with the address that it came from", async () => {
    const session = openSession(rig);
    const { headers } = await ask(session, { ":path": `${PODS}?from=h2` });
    session.destroy();
    expect(headers[":status"]).toBe(401);
    const row = await until(() => spooled(rig).find(({ exchange_id }) => exchange_id === headers["audit-id"]));
    expect(row).toMatchObject({
      kind: "request.refused",
      session_id: "anonymous",
      source_ip: expect.stringContaining("127.0.0.1"),
    });
  });
});
