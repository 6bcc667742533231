import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { encodeProtobuf } from "../../kubernetes/body/protobuf/encode.ts";
import { writeEnvelope } from "../../kubernetes/body/protobuf/envelope.ts";
import { type Call, causesOf, kube, type Reply } from "./client.ts";
import type { Rig } from "./rig.ts";
import { useRig } from "./use-rig.ts";

let rig: Rig;
let token: string;
useRig((opened) => {
  ({ rig, token } = opened);
});

/** Pods are judged by their body; nothing of baseline reads a ConfigMap's, which streams through. */
const JUDGED = "/api/v1/namespaces/shop/pods";
const STREAMED = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers";
const MAX = 3_145_728;
const post = (path: string, call: Call) => kube(rig, "POST", path, { token, ...call });
const configMap = (size: number): Buffer => {
  const [before, after] = ['{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"},"data":{"a":"', '"}}'];
  return Buffer.from(before + "x".repeat(size - before.length - after.length) + after);
};
const chunked = (body: Buffer): Readable => Readable.from([body.subarray(0, 100), body.subarray(100)]);

describe("a body over 3 MiB", () => {
  test.each([JUDGED, STREAMED])(
    "with a Content-Length gets 413 as a Status, and is not forwarded: %s",
    async (path) => {
      const reply = await post(path, { body: configMap(MAX + 1) });
      expect(reply.status).toBe(413);
      expect(reply.json).toMatchObject({ kind: "Status", reason: "RequestEntityTooLarge", code: 413 });
      expect(rig.upstream.seen).toEqual([]);
    },
  );

  test.each([JUDGED, STREAMED])("in chunks gets 413 as a Status, and is not forwarded whole: %s", async (path) => {
    const reply = await post(path, { body: chunked(configMap(MAX + 1)) });
    expect(reply.status).toBe(413);
    expect(reply.json).toMatchObject({ kind: "Status", code: 413 });
    expect(rig.upstream.seen).toEqual([]);
  });

  test("of exactly 3 MiB passes", async () => {
    const reply = await post(STREAMED, { body: configMap(MAX) });
    expect(reply.status).toBe(200);
    expect(rig.upstream.seen[0]?.body.length).toBe(MAX);
  });
});

const POD = '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"containers":[]}}';
const nested = (depth: number): string => `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

describe("a body that policy has to read", () => {
  const bodies: [title: string, body: string | Buffer, type: string, status: number][] = [
    ["malformed JSON", '{"kind":"Pod"', "application/json", 400],
    ["JSON with a comment", `${POD}//`, "application/json", 400],
    ["two JSON texts", POD + POD, "application/json", 400],
    ["no object", "[]", "application/json", 400],
    ["nothing but blanks", "  ", "application/json", 400],
    ["duplicate keys", POD.replace("{", '{"kind":"Pod",'), "application/json", 400],
    ["duplicate keys, one of them escaped", POD.replace("{", '{"\\u006bind":"Pod",'), "application/json", 400],
    ["duplicate keys deep inside", POD.replace('"name"', '"labels":{"a":"1","a":"2"},"name"'), "application/json", 400],
    ["nesting over 200", nested(201), "application/json", 400],
    ["a lone surrogate", POD.replace('"a"', '"\\ud800"'), "application/json", 400],
    ["bytes that are no UTF-8", Buffer.from(POD.replace('"a"', '"\xff"'), "latin1"), "application/json", 400],
    ["a List", '{"kind":"List","apiVersion":"v1","items":[]}', "application/json", 400],
    ["two YAML documents", "kind: Pod\n---\nkind: Pod\n", "application/yaml", 400],
    ["duplicate keys in YAML", "kind: Pod\nkind: Secret\n", "application/yaml", 400],
    ["YAML aliases that grow", `a: &a [x,x]\nb: &b [*a,*a]\n${"c: [*b,*b]\n".repeat(2)}`, "application/yaml", 400],
    ["an unknown content type", POD, "text/plain", 415],
    ["a content type that is none", POD, "application/json; charset=utf-16", 415],
    ["a form", "kind=Pod", "application/x-www-form-urlencoded", 415],
    ["protobuf that is cut short", "k8s\0\n\x20", "application/vnd.kubernetes.protobuf", 400],
    [
      "protobuf of a kind that is not built in",
      writeEnvelope({ apiVersion: "example.com/v1", kind: "Widget", raw: Buffer.alloc(0) }),
      "application/vnd.kubernetes.protobuf",
      415,
    ],
    ["CBOR that is cut short", Buffer.from([0xd9, 0xd9, 0xf7, 0xa1, 0x41]), "application/cbor", 400],
  ];
  test.each(bodies)("%s is refused as a Status, and is not forwarded", async (_title, body, type, status) => {
    const reply = await post(JUDGED, { body, headers: { "content-type": type } });
    expect(reply.status).toBe(status);
    expect(reply.json).toMatchObject({ kind: "Status", status: "Failure", code: status });
    expect(causesOf(reply)).toEqual([status === 415 ? "request/unsupported-media-type" : "request/malformed-body"]);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("hoop inspector: a compressed body is no JSON, as the API server says, and is not forwarded", async () => {
    const reply = await post(JUDGED, { body: gzipSync(POD), headers: { "content-encoding": "gzip" } });
    expect(reply.status).toBe(400);
    expect(causesOf(reply)).toEqual(["request/malformed-body"]);
    expect(rig.upstream.seen).toEqual([]);
  });

  test.each(["gzip", "br"])(
    "a body that only says that it is %s is judged as it is, and goes without saying so",
    async (coding) => {
      const reply = await post(JUDGED, { body: POD, headers: { "content-encoding": coding } });
      expect(reply.status).toBe(200);
      expect(rig.upstream.seen.map(({ body, headers }) => [body, headers["content-encoding"]])).toEqual([
        [POD, undefined],
      ]);
    },
  );

  test("a patch of an unknown type is refused", async () => {
    const call = { token, body: "{}", headers: { "content-type": "application/json" } };
    const reply = await kube(rig, "PATCH", `${JUDGED}/a`, call);
    expect(reply.status).toBe(415);
    expect(rig.upstream.seen).toEqual([]);
  });

  test("a Deployment with hostPath in protobuf is judged as its JSON, which is what goes upstream", async () => {
    const pod = { containers: [{ name: "a", image: "a" }], volumes: [{ name: "h", hostPath: { path: "/" } }] };
    const labels = { app: "a" };
    const deployment = {
      kind: "Deployment",
      apiVersion: "apps/v1",
      metadata: { name: "a" },
      spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: pod } },
    };
    const { answer } = rig.upstream;
    rig.upstream.answer = ({ body }, res) => res.writeHead(201, { "content-type": "application/json" }).end(body);
    onTestFinished(() => {
      rig.upstream.answer = answer;
    });
    // A dry run is answered by the API server, and says what the real one would be held for.
    const send = (body: Buffer, type: string): Promise<Reply> =>
      post("/apis/apps/v1/namespaces/shop/deployments?dryRun=All", { body, headers: { "content-type": type } });
    const asProtobuf = await send(Buffer.from(encodeProtobuf(deployment)), "application/vnd.kubernetes.protobuf");
    const asJson = await send(Buffer.from(JSON.stringify(deployment)), "application/json");
    expect(asProtobuf.headers.warning).toContain("would be held for approval (workload/host-path)");
    expect(asProtobuf.headers.warning).toBe(asJson.headers.warning);
    const [judged] = rig.upstream.seen;
    expect(judged?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(judged?.body ?? "")).toMatchObject(deployment);
  });

  test("protobuf of a kind that is not built in goes as it was sent where no rule could apply", async () => {
    const body = writeEnvelope({ apiVersion: "example.com/v1", kind: "Widget", raw: Buffer.from("\n\x03abc") });
    const type = "application/vnd.kubernetes.protobuf";
    const reply = await post(STREAMED, { body, headers: { "content-type": type } });
    expect(reply.status).toBe(200);
    const [seen] = rig.upstream.seen;
    expect(seen?.headers["content-type"]).toBe(type);
    expect(seen?.body).toBe(body.toString("utf8"));
  });

  test("YAML 1.1 [M]: what goes upstream is the JSON that was judged", async () => {
    const body = "kind: Pod\napiVersion: v1\nmetadata: {name: a}\nspec: {enableServiceLinks: yes, containers: []}\n";
    const reply = await post(JUDGED, { body, headers: { "content-type": "application/yaml" } });
    expect(reply.status).toBe(200);
    const [seen] = rig.upstream.seen;
    expect(seen?.headers["content-type"]).toBe("application/json");
    expect(JSON.parse(seen?.body ?? "")).toMatchObject({ spec: { enableServiceLinks: true } });
  });
});
