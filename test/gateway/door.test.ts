import { describe, expect, test } from "vitest";
import { spooled, until } from "./client.ts";
import { head, raw, statusOf } from "./raw.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

const PODS = "/connections/local/api/v1/namespaces/shop/pods";
const bearer = (): string => `Authorization: Bearer ${token}`;

describe("refused at the door", () => {
  const lines: [title: string, line: string, status: number][] = [
    ["absolute form [M]", "GET https://other/api/v1/namespaces/shop/pods", 400],
    ["absolute form [M], with a connection's path", `GET http://127.0.0.1${PODS}`, 400],
    ["absolute form [M], without an authority", `GET https:${PODS}`, 400],
    ["the asterisk form", "OPTIONS *", 400],
    ["TRACE", `TRACE ${PODS}`, 405],
    ["a method that is no Kubernetes method", `PROPFIND ${PODS}`, 405],
    ["OPTIONS", `OPTIONS ${PODS}`, 405],
    ["CONNECT", "CONNECT 127.0.0.1:6443", 405],
    ["path differential: an encoded slash", "GET /connections/local/api/v1/namespaces/shop%2Fsecrets/db/pods", 400],
    ["path differential: an encoded backslash", "GET /connections/local/api/v1/namespaces/shop%5Cpods", 400],
    ["path differential: a doubly encoded slash", "GET /connections/local/api/v1/namespaces/a%252Fb/pods", 400],
    ["path differential: a dot segment", "GET /connections/local/api/v1/namespaces/shop/pods/../secrets/db", 400],
    ["path differential: an encoded dot segment", "GET /connections/local/api/v1/namespaces/x/%2e%2e/secrets", 400],
    ["path differential: a single dot", "GET /connections/local/api/v1/./namespaces/shop/secrets/db", 400],
    ["path differential: an empty segment", "GET /connections/local/api/v1//namespaces/shop/secrets/db", 400],
    ["path differential: an empty first segment", "GET /connections/local//api/v1/secrets", 400],
    ["path differential: a bare escape", "GET /connections/local/api/v1/namespaces/%zz/pods", 400],
    ["path differential: an encoded NUL", "GET /connections/local/api/v1/namespaces/a%00b/pods", 400],
    ["path differential: a fragment", `GET ${PODS}#x`, 400],
    ["query differential: a semicolon", `GET ${PODS}?watch=1;watch=0`, 400],
    ["query differential: a bad escape", `GET ${PODS}?labelSelector=%zz`, 400],
    ["an unknown connection", "GET /connections/prod/api/v1/pods", 404],
    ["a connection's name that is only a prefix", "GET /connections/loca/api/v1/pods", 404],
  ];
  test.each(lines)("%s is refused, and the API server never hears of it", async (_title, line, status) => {
    const { text } = await raw(rig, head(line, [bearer(), "Connection: close"]));
    expect(statusOf(text)).toBe(status);
    expect(text).not.toContain("PodList");
    expect(rig.upstream.seen).toEqual([]);
  });

  const headers: [title: string, lines: string[], status: number][] = [
    ["an Expect other than 100-continue", ["Expect: 200-ok"], 400],
    ["an announced trailer", ["Trailer: Impersonate-User"], 400],
    ["a Transfer-Encoding beside chunked", ["Transfer-Encoding: gzip, chunked"], 400],
    ["a second Authorization", ["Authorization: Bearer other"], 400],
    ["a second Authorization in another case", ["AUTHORIZATION: Basic eDp5"], 400],
    ["OCM cluster-proxy 329: Impersonate-User", ["Impersonate-User: system:admin"], 403],
    ["Infisical cli 186: impersonate-uid in lower case", ["impersonate-uid: 1"], 403],
    ["OCM cluster-proxy 329: IMPERSONATE-GROUP, repeated", ["IMPERSONATE-GROUP: a", "Impersonate-Group: b"], 403],
    ["OCM cluster-proxy 329: Impersonate-Extra-x", ["Impersonate-Extra-Scopes: all"], 403],
    ["X-Remote-User", ["X-Remote-User: system:admin"], 403],
    ["x-remote-group, repeated", ["x-remote-group: a", "X-REMOTE-GROUP: system:masters"], 403],
    ["X-Remote-Extra-x", ["X-Remote-Extra-Foo: a"], 403],
    [
      "bearer subprotocol [M]: a token in Sec-WebSocket-Protocol",
      ["Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.dG9rZW4, v5.channel.k8s.io"],
      400,
    ],
    ["more than 100 headers", Array.from({ length: 100 }, (_, i) => `X-${i}: a`), 400],
  ];
  test.each(headers)(
    "%s is refused as a Status, and the API server never hears of it",
    async (_title, more, status) => {
      const { text } = await raw(rig, head(`GET ${PODS}`, [bearer(), "Connection: close", ...more]));
      expect(statusOf(text)).toBe(status);
      expect(text).toContain('"kind":"Status"');
      expect(rig.upstream.seen).toEqual([]);
    },
  );

  test("a request that is refused at the door is on record under session anonymous", async () => {
    const { text } = await raw(rig, head(`GET ${PODS}?door=1`, ["Impersonate-User: x", "Connection: close"]));
    const id = /audit-id: (\S+)/i.exec(text)?.[1];
    const row = await until(() => spooled(rig).find((event) => event.exchange_id === id));
    expect(row).toMatchObject({ kind: "request.refused", session_id: "anonymous", status: 403, effect: "deny" });
    expect(row.rules).toEqual(["request/impersonation"]);
  });
});

describe("upgrades", () => {
  const upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: x"];
  const paths: [title: string, path: string][] = [
    ["WebSocket watch [M]: a watch of Secrets", "/api/v1/namespaces/shop/secrets?watch=true"],
    ["WebSocket watch [M]: a watch of Pods", "/api/v1/namespaces/shop/pods?watch=1"],
    ["a get", "/api/v1/namespaces/shop/pods/web"],
    ["a log", "/api/v1/namespaces/shop/pods/web/log?follow=true"],
  ];
  test.each(paths)("%s that would upgrade the connection gets 400, and is not forwarded", async (_title, path) => {
    const { text } = await raw(rig, head(`GET /connections/local${path}`, [bearer(), ...upgrade]));
    expect(statusOf(text)).toBe(400);
    expect(text).toContain('"kind":"Status"');
    expect(rig.upstream.seen).toEqual([]);
  });

  test("CVE-2018-1002105: what follows a refused upgrade on the same socket is not forwarded as a tunnel", async () => {
    const first = head("GET /connections/local/api/v1/namespaces/shop/secrets?watch=1", [bearer(), ...upgrade]);
    const second = head("GET /connections/local/api/v1/namespaces/kube-system/secrets/root", ["Host: b"]);
    const { text } = await raw(rig, first + second);
    expect(statusOf(text)).toBe(400);
    expect(rig.upstream.seen).toEqual([]);
  });
});
