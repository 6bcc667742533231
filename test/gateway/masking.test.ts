import type { ServerResponse } from "node:http";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { decodeCbor } from "../../kubernetes/body/cbor.ts";
import { decodeProtobuf } from "../../kubernetes/body/protobuf/decode.ts";
import { causesOf, kube, open } from "./client.ts";
import { answerJson } from "./cluster.ts";
import type { Rig } from "./rig.ts";
import { expectNoValue, MASKED, SECRETS, secret, VALUE } from "./secret.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig(
  (opened) => {
    ({ rig, token } = opened);
  },
  {
    guardrails: {
      defaults: { record: "RequestResponse", approval: { approvers: ["group:dev:sre"], holdSeconds: 0 } },
      scopes: [{ name: "all", rules: { "secrets/list": { effect: "mask" }, "secrets/write": { effect: "record" } } }],
    },
  },
);

const list = { kind: "SecretList", apiVersion: "v1", metadata: { resourceVersion: "9" }, items: [secret(), secret()] };
const watchEvent = `${JSON.stringify({ type: "ADDED", object: secret() })}\n`;
const answerWith = (write: (res: ServerResponse) => void): void => {
  rig.upstream.answer = (_seen, res) => write(res);
};

describe("GHSA-w23h-64x4-22h9, kubernetes 23564: a Secret is masked whatever it is wrapped in", () => {
  test("get: values, the last-applied annotation and equal strings; keys, type and metadata stay", async () => {
    answerWith((res) => answerJson(res, 200, secret()));
    const { json, text, headers } = await kube(rig, "GET", `${SECRETS}/db`, { token });
    expectNoValue(text);
    expect(json).toMatchObject({ type: "Opaque", metadata: { name: "db", resourceVersion: "7" } });
    expect(json?.data).toEqual({ password: MASKED, user: MASKED });
    expect(Number(headers["content-length"])).toBe(Buffer.byteLength(text));
  });

  const wrapped: [title: string, path: string, accept: string, body: object][] = [
    ["a list that a scope allows", SECRETS, "application/json", list],
    [
      "a Table of whole objects",
      `${SECRETS}?includeObject=Object`,
      "application/json;as=Table;v=v1;g=meta.k8s.io",
      { kind: "Table", columnDefinitions: [{ name: "Name" }], rows: [{ cells: ["db"], object: secret() }] },
    ],
    [
      "a Table's cells",
      SECRETS,
      "application/json;as=Table;v=v1;g=meta.k8s.io",
      {
        kind: "Table",
        columnDefinitions: [{ name: "Name" }, { name: "Password" }],
        rows: [{ cells: ["db", VALUE], object: secret() }],
      },
    ],
    [
      "PartialObjectMetadata",
      `${SECRETS}/db`,
      "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
      { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: secret().metadata },
    ],
    [
      "an object that calls itself something else",
      `${SECRETS}/db`,
      "application/json",
      { ...secret(), kind: "ConfigMap" },
    ],
  ];
  test.each(wrapped)("%s", async (_title, path, accept, body) => {
    answerWith((res) => answerJson(res, 200, body));
    const reply = await kube(rig, "GET", path, { token, headers: { accept } });
    expect(reply.status).toBe(200);
    expectNoValue(reply.text);
  });

  test("YAML alone is answered in YAML, masked", async () => {
    answerWith((res) => answerJson(res, 200, secret()));
    const reply = await kube(rig, "GET", `${SECRETS}/db`, { token, headers: { accept: "application/yaml" } });
    expectNoValue(reply.text);
    expect(reply.headers["content-type"]).toBe("application/yaml");
    expect(parse(reply.text)).toMatchObject({ data: { password: MASKED } });
    expect(rig.upstream.seen[0]?.headers.accept).toBe("application/json");
  });

  test("a client that accepts protobuf alone gets the masked answer in it", async () => {
    answerWith((res) => answerJson(res, 200, secret()));
    const headers = { accept: "application/vnd.kubernetes.protobuf" };
    const reply = await open(rig, "GET", `/connections/local${SECRETS}/db`, { token, headers });
    expect(reply.headers["content-type"]).toBe("application/vnd.kubernetes.protobuf");
    expect(decodeProtobuf(await reply.body.bytes())).toMatchObject({ data: { password: MASKED } });
    expect(rig.upstream.seen[0]?.headers.accept).toBe("application/json");
  });

  test("what the API server serves in none of the accepted encodings is 406, and nothing is asked", async () => {
    const headers = { accept: "text/html" };
    const reply = await kube(rig, "GET", `${SECRETS}/db`, { token, headers });
    expect(reply.status).toBe(406);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("Accept-Encoding does not go upstream, and Accept is narrowed to what can be masked", async () => {
    answerWith((res) => answerJson(res, 200, secret()));
    const headers = {
      accept: "application/vnd.kubernetes.protobuf, application/json;q=0.5",
      "accept-encoding": "gzip",
    };
    await kube(rig, "GET", `${SECRETS}/db`, { token, headers });
    expect(rig.upstream.seen[0]?.headers.accept).toBe("application/json");
    expect(rig.upstream.seen[0]?.headers).not.toHaveProperty("accept-encoding");
  });

  test("a client that accepts CBOR alone gets the masked answer in it", async () => {
    answerWith((res) => answerJson(res, 200, secret()));
    const headers = { accept: "application/cbor" };
    const reply = await open(rig, "GET", `/connections/local${SECRETS}/db`, { token, headers });
    expect(reply.headers["content-type"]).toBe("application/cbor");
    expect(decodeCbor(await reply.body.bytes())).toMatchObject({ data: { password: MASKED } });
    expect(rig.upstream.seen[0]?.headers.accept).toBe("application/json");
  });

  const unmaskable: [title: string, query: string, write: (res: ServerResponse) => void][] = [
    ["what calls itself gzip and is none", "", (res) => coded(res, "gzip", Buffer.from(JSON.stringify(secret())))],
    ["gzip that is cut short", "", (res) => coded(res, "gzip", gzipSync(JSON.stringify(secret())).subarray(0, -12))],
    ["another compression", "", (res) => coded(res, "br", brotliCompressSync(JSON.stringify(secret())))],
    ["another compression of a watch", "?watch=1", (res) => coded(res, "deflate", deflateSync(watchEvent))],
    ["text", "", (res) => res.writeHead(200, { "content-type": "text/plain" }).end(VALUE)],
    ["an answer without a type", "", (res) => res.writeHead(200).end(JSON.stringify(secret()))],
    ["protobuf", "", (res) => res.writeHead(200, { "content-type": "application/vnd.kubernetes.protobuf" }).end(VALUE)],
    [
      "what calls itself JSON and is none",
      "",
      (res) => res.writeHead(200, { "content-type": "application/json" }).end(VALUE),
    ],
    [
      "two JSON texts",
      "",
      (res) => res.writeHead(200, { "content-type": "application/json" }).end(`{}${JSON.stringify(secret())}`),
    ],
  ];
  function coded(res: ServerResponse, encoding: string, body: Buffer): void {
    res.writeHead(200, { "content-type": "application/json", "content-encoding": encoding }).end(body);
  }
  test.each(unmaskable)("%s is refused, never passed", async (_title, query, write) => {
    answerWith(write);
    const reply = await kube(rig, "GET", query === "" ? `${SECRETS}/db` : SECRETS + query, { token });
    expect(reply.status).toBe(403);
    expect(causesOf(reply)).toEqual(["request/unmaskable"]);
    expectNoValue(reply.text);
  });

  test.each([
    ["a compressed answer", `${SECRETS}/db`, JSON.stringify(secret())],
    ["a compressed watch", `${SECRETS}?watch=1`, watchEvent],
  ])("hoop inspector: %s that nobody asked for is masked", async (_title, path, text) => {
    answerWith((res) => coded(res, "gzip", gzipSync(text)));
    const reply = await kube(rig, "GET", path, { token });
    expect([reply.status, reply.headers["content-encoding"]]).toEqual([200, undefined]);
    expectNoValue(reply.text);
    expect(reply.text).toContain(MASKED);
  });

  test("HEAD passes without the length of what is masked, and 304 without a body", async () => {
    answerWith((res) => res.writeHead(200, { "content-type": "application/json", "content-length": "733" }).end());
    const head = await kube(rig, "HEAD", `${SECRETS}/db`, { token });
    expect([head.status, head.headers["content-length"]]).toEqual([200, undefined]);
    answerWith((res) => res.writeHead(304).end());
    const headers = { "if-none-match": '"x"' };
    expect((await kube(rig, "GET", `${SECRETS}/db`, { token, headers })).status).toBe(304);
  });

  test("the API server's own refusal passes as it is", async () => {
    const status = {
      kind: "Status",
      status: "Failure",
      message: 'secrets "db" not found',
      reason: "NotFound",
      code: 404,
    };
    answerWith((res) => answerJson(res, 404, status));
    const reply = await kube(rig, "GET", `${SECRETS}/db`, { token });
    expect([reply.status, reply.json]).toEqual([404, status]);
  });
});
