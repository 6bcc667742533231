import protobuf from "protobufjs/minimal.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { parseLossless, rawNumber } from "../../base/lossless-json.ts";
import { requestAttributes } from "../../kubernetes/attributes.ts";
import { decodeBody } from "../../kubernetes/body/decode.ts";
import { decodeProtobuf, isKnownGroupVersion, isKnownKind } from "../../kubernetes/body/protobuf/decode.ts";
import { encodeProtobuf, encodeProtobufWatchEvent } from "../../kubernetes/body/protobuf/encode.ts";
import { writeEnvelope } from "../../kubernetes/body/protobuf/envelope.ts";
import { schema } from "../../kubernetes/body/protobuf/schema.ts";
import type { KubernetesObject } from "../../kubernetes/types.ts";
import { Oracle } from "../fuzz/oracle.ts";
import { seedProtobuf } from "../fuzz/seeds.ts";

let oracle: Oracle;
beforeAll(async () => {
  oracle = await Oracle.open("oracle-objects");
}, 120_000);
afterAll(() => oracle.close());

interface Answer {
  error?: string;
  kinds?: string[];
  type?: string;
  json?: KubernetesObject;
  protobuf?: string;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

describe("every built-in kind", () => {
  let kinds: string[];
  let made: Answer[];
  beforeAll(async () => {
    kinds = (await oracle.ask<Answer>([{ op: "kinds" }]))[0]?.kinds ?? [];
    const questions = kinds.map((kind, seed) => ({ op: "make", kind, seed, want: ["json", "protobuf"] }));
    made = await oracle.ask<Answer>(questions);
  });

  test("that the API server has in protobuf is known here", () => {
    expect(kinds.length).toBeGreaterThan(600);
    expect(schema().kinds().sort()).toEqual([...kinds].sort());
  });

  test("is read from protobuf as the JSON that Go prints of it", () => {
    expect(new Set(made.map(({ json }) => `${json?.apiVersion} ${json?.kind}`))).toEqual(new Set(kinds));
    const differing = made.filter(
      ({ json, protobuf: bytes }) =>
        JSON.stringify(decodeProtobuf(Buffer.from(bytes ?? "", "base64"))) !== JSON.stringify(json),
    );
    expect(differing).toEqual([]);
  });

  test("is written so that Go reads the same, alone and as an event of a watch", async () => {
    const objects = made.map(({ json }) => json ?? {});
    const alone = objects.map((object) => ({ op: "read", protobuf: base64(encodeProtobuf(object)) }));
    const events = objects.map((object) => ({
      op: "frame",
      protobuf: base64(encodeProtobufWatchEvent("ADDED", object)),
    }));
    const [read, framed] = [await oracle.ask<Answer>(alone), await oracle.ask<Answer>(events)];
    const differing = objects.filter(
      (object, i) =>
        JSON.stringify(read[i]) !== JSON.stringify({ json: object }) ||
        JSON.stringify(framed[i]) !== JSON.stringify({ type: "ADDED", json: object }),
    );
    expect(differing).toEqual([]);
  });
});

test("what client-go programs and an API server sent each other is read as Go reads it", async () => {
  const answers = await oracle.ask<Answer>(seedProtobuf().map((bytes) => ({ op: "read", protobuf: base64(bytes) })));
  expect(answers.length).toBeGreaterThan(30);
  expect(seedProtobuf().map((bytes) => decodeProtobuf(bytes))).toEqual(answers.map(({ json }) => json));
});

test("structs that Go inlines stand where rules look for them", () => {
  const pod = {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name: "a", creationTimestamp: "2024-02-29T23:59:59Z" },
    spec: {
      volumes: [{ name: "h", hostPath: { path: "/", type: "" } }],
      containers: [
        {
          name: "a",
          envFrom: [{ secretRef: { name: "s" } }],
          env: [{ name: "A", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }],
          resources: { limits: { cpu: "500m", memory: "1Gi" } },
          livenessProbe: { httpGet: { path: "/", port: "http" } },
          lifecycle: { preStop: { exec: { command: ["sh"] } } },
          securityContext: { privileged: true, runAsUser: 0 },
        },
      ],
      ephemeralContainers: [{ name: "e", resources: {}, targetContainerName: "a" }],
    },
    status: {},
  };
  expect(decodeProtobuf(encodeProtobuf(pod))).toEqual(pod);
});

test("an absent struct and a required list are what Go prints: their zero values, and null", () => {
  expect(decodeProtobuf(body("apps/v1", "Deployment"))).toEqual({
    kind: "Deployment",
    apiVersion: "apps/v1",
    metadata: {},
    spec: { selector: null, template: { metadata: {}, spec: { containers: null } }, strategy: {} },
    status: {},
  });
});

test("integers beyond 2^53 and keys named like JavaScript's own survive both ways", () => {
  const text =
    '{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"generation":-9007199254740993,"labels":{"__proto__":"a"}},' +
    '"spec":{"selector":null,"template":{"metadata":{},"spec":{"containers":null}},"strategy":{}},"status":{}}';
  const bytes = encodeProtobuf(parseLossless(text) as KubernetesObject);
  expect(JSON.stringify(decodeProtobuf(bytes))).toBe(text);
});

type Part = (writer: protobuf.Writer) => protobuf.Writer;
const write = (...parts: Part[]): Uint8Array =>
  parts.reduce((writer, part) => part(writer), protobuf.Writer.create()).finish();
const bytesOf =
  (id: number, value: Uint8Array): Part =>
  (writer) =>
    writer.uint32((id << 3) | 2).bytes(value);
const text = (id: number, value: string): Part => bytesOf(id, Buffer.from(value));
const nested = (id: number, ...parts: Part[]): Part => bytesOf(id, write(...parts));
const varint =
  (id: number, value: number | string): Part =>
  (writer) =>
    writer.uint32(id << 3).int64(value as number);
const raw =
  (...bytes: number[]): Part =>
  (writer) =>
    writer.raw(Uint8Array.from(bytes));

/** An enveloped object of those fields. */
function body(apiVersion: string, kind: string, ...parts: Part[]): Uint8Array {
  return writeEnvelope({ apiVersion, kind, raw: write(...parts) });
}
const metadata = (...parts: Part[]): Uint8Array => body("v1", "ConfigMap", nested(1, ...parts));
const podSpec = (...parts: Part[]): Uint8Array => body("v1", "Pod", nested(2, ...parts));
const container = (...parts: Part[]): Uint8Array => podSpec(nested(2, ...parts));
const labels = (...entry: Part[]): Uint8Array => metadata(nested(11, ...entry));
const crd = (...schemaParts: Part[]): Uint8Array =>
  body(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    nested(2, nested(7, nested(4, nested(1, ...schemaParts)))),
  );
/** A schema inside `not` inside `not` … */
const deep = (levels: number): Part[] => (levels === 0 ? [] : [nested(28, ...deep(levels - 1))]);
const envelope = (...parts: Part[]): Uint8Array => Buffer.concat([Buffer.from("k8s\0"), write(...parts)]);
const POD_META = nested(1, text(1, "v1"), text(2, "Pod"));

function codeOf(bytes: Uint8Array): string {
  try {
    decodeProtobuf(bytes);
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
  return "none";
}

describe("a body in protobuf", () => {
  test.each<[string, Uint8Array]>([
    ["whole", metadata(text(1, "a"))],
    ["with an unpacked list of numbers", podSpec(nested(14, varint(4, 1), varint(4, 2)))],
    ["with a packed list of numbers", podSpec(nested(14, bytesOf(4, Uint8Array.of(1, 2))))],
    ["with an empty entry of a map", labels()],
    ["with nothing in it", envelope(POD_META)],
    ["with the empty encoding that client-go writes", envelope(POD_META, text(2, ""), text(3, ""), text(4, ""))],
    ["with schemas nested 40 deep", crd(...deep(40))],
    ["with the empty clusterName that client-go before 1.24 writes", metadata(text(15, ""))],
    ["with a U+FFFD that was sent", metadata(text(1, "\uFFFD"))],
  ])("%s is read", (_title, bytes) => {
    expect(codeOf(bytes)).toBe("none");
  });

  test.each<[string, Uint8Array]>([
    ["that is empty", Buffer.alloc(0)],
    ["without its prefix", Buffer.from('{"kind":"Pod"}')],
    ["of another style", Buffer.from("k8s\x01\n\0")],
    ["of nothing but the prefix", Buffer.from("k8s\0")],
    ["that names no kind", envelope(nested(1, text(1, "v1")), text(2, ""))],
    ["with two envelopes' kinds", envelope(POD_META, POD_META)],
    ["that is compressed inside", envelope(POD_META, text(2, ""), text(3, "gzip"))],
    ["that is JSON inside", envelope(POD_META, text(2, "{}"), text(4, "application/json"))],
    ["with more in its envelope", envelope(POD_META, text(5, ""))],
    ["with a field that is not known", metadata(text(99, "a"))],
    ["with a field that was taken out, and a value", metadata(text(15, "a"))],
    ["with an empty field of a newer API server", metadata(text(18, ""))],
    ["with a field of number 0", metadata(raw(0x02, 0x00))],
    ["with a group", metadata(raw(0x0b, 0x0c))],
    ["with an end of a group", metadata(raw(0x0c))],
    ["with a string that is a number", metadata(varint(1, 1))],
    ["with a number that is a string", metadata(text(7, "1"))],
    ["with a field that stands twice", metadata(text(1, "a"), text(1, "b"))],
    ["with a message that stands twice", body("v1", "ConfigMap", nested(1, text(1, "a")), nested(1, text(3, "b")))],
    ["with a key that stands twice", metadata(nested(11, text(1, "a")), nested(11, text(1, "a")))],
    ["with an entry that has two values", labels(text(1, "a"), text(2, "b"), text(2, "c"))],
    ["with an entry that has more", labels(text(1, "a"), text(3, "b"))],
    ["with a key that is a number", labels(varint(1, 1))],
    ["with a length over the end of its message", metadata(raw(0x0a, 0x05, 0x61))],
    ["with a length over the end of the body", envelope(POD_META, raw(0x12, 0x7f))],
    ["with a negative length", metadata(raw(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01))],
    ["with a length that does not end", metadata(raw(0x0a, ...Array<number>(11).fill(0x80)))],
    ["with a number that does not end", metadata(raw(0x38, ...Array<number>(11).fill(0x80)))],
    ["with a number that runs out of its message", body("v1", "ConfigMap", nested(1, raw(0x38, 0x80)), text(99, ""))],
    ["with a 32-bit number out of range", container(nested(6, varint(3, 2 ** 31)))],
    ["with a boolean that is 2", podSpec(varint(11, 2))],
    ["with bytes that are no UTF-8", metadata(bytesOf(1, Uint8Array.of(0xc3, 0x28)))],
    ["with a surrogate in UTF-8", metadata(bytesOf(1, Uint8Array.of(0xed, 0xa0, 0x80)))],
    ["with a quantity that is none", container(nested(8, nested(1, text(1, "cpu"), nested(2, text(1, "1Xi")))))],
    ["with a quantity without end", container(nested(8, nested(1, nested(2, text(1, "9".repeat(101))))))],
    ["with a time before the year 1", metadata(nested(8, varint(1, -62_135_596_801)))],
    ["with a time after the year 9999", metadata(nested(8, varint(1, 253_402_300_800)))],
    ["with a number or a string that is neither", container(nested(10, nested(1, nested(2, nested(2, varint(1, 2))))))],
    ["with a schema whose number is none", crd((w) => w.uint32((9 << 3) | 1).double(Number.NaN))],
    ["with JSON that is none", crd(nested(8, text(1, "{")))],
    ["with JSON whose key stands twice", crd(nested(8, text(1, '{"a":1,"a":2}')))],
    ["with schemas nested over 100 deep", crd(...deep(120))],
    ["that is an envelope inside", body("apps/v1", "ControllerRevision", nested(2, bytesOf(1, metadata())))],
    [
      "of two bytes a message",
      body("apps/v1", "DeploymentList", (writer) => writer.raw(Buffer.alloc(120_000, "\x12\0"))),
    ],
  ])("%s is refused as malformed", (_title, bytes) => {
    expect(codeOf(bytes)).toBe("malformed-body");
  });

  test.each([
    ["example.com/v1", "Widget"],
    ["v1", "Widget"],
    ["meta.k8s.io/v1", "Table"],
    ["__proto__", "toString"],
    ["v1", "__proto__"],
    ["v1", "WatchEvent"],
    ["a/b/v1", "DeleteOptions"],
  ])("of %s %s, which has no protobuf, is an unsupported media type", (apiVersion, kind) => {
    expect(codeOf(body(apiVersion, kind))).toBe("unsupported-media-type");
    expect(isKnownKind(apiVersion, kind)).toBe(false);
  });

  test("is forwarded as the JSON that was judged", () => {
    const bytes = encodeProtobuf({ kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" }, data: { k: "v" } });
    const { object, forwardBytes, forwardContentType } = decode("POST", "/api/v1/namespaces/a/configmaps", bytes);
    expect(forwardContentType).toBe("application/json");
    expect(JSON.parse(Buffer.from(forwardBytes).toString())).toEqual(object);
    expect(object).toEqual({ kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" }, data: { k: "v" } });
  });

  test.each(["v1", "meta.k8s.io/v1", "example.com/v1"])("has DeleteOptions in the group of %s", (apiVersion) => {
    const bytes = encodeProtobuf({ kind: "DeleteOptions", apiVersion, dryRun: ["All"], gracePeriodSeconds: 0 });
    const { dryRun, options } = decode("DELETE", "/api/v1/namespaces/a/configmaps/a", bytes);
    expect(dryRun).toBe(true);
    expect(options).toEqual({ dryRun: ["All"], gracePeriodSeconds: 0 });
  });

  test("is no List", () => {
    const bytes = body("v1", "List");
    expect(() => decode("POST", "/api/v1/namespaces/a/configmaps", bytes)).toThrow("a list is no object");
  });
});

function decode(method: string, target: string, bytes: Uint8Array): ReturnType<typeof decodeBody> {
  const type = "application/vnd.kubernetes.protobuf";
  const attributes = requestAttributes(method, target, { "content-type": type });
  return decodeBody(attributes, type, bytes, { bodyBytes: 3_145_728 });
}

describe("an answer that is written in protobuf", () => {
  test.each<[string, KubernetesObject]>([
    ["of a custom resource", { kind: "Widget", apiVersion: "example.com/v1" }],
    ["of a Table", { kind: "Table", apiVersion: "meta.k8s.io/v1" }],
    ["of no kind", {}],
    ["with a string for a number", { kind: "Pod", apiVersion: "v1", spec: { priority: "1" } }],
    ["with a number for a string", { kind: "Pod", apiVersion: "v1", spec: { nodeName: 1 } }],
    ["with text for bytes", { kind: "Secret", apiVersion: "v1", data: { a: "not base64" } }],
    ["with text for an object", { kind: "Pod", apiVersion: "v1", spec: "masked" }],
    ["with text for a list", { kind: "Pod", apiVersion: "v1", spec: { containers: "masked" } }],
    ["with text for a time", { kind: "Pod", apiVersion: "v1", metadata: { creationTimestamp: "masked" } }],
    [
      "with a number over 64 bits",
      { kind: "Pod", apiVersion: "v1", metadata: { generation: rawNumber("9223372036854775808") } },
    ],
  ])("%s is refused as not acceptable", (_title, object) => {
    expect(() => encodeProtobuf(object)).toThrow(expect.objectContaining({ code: "not-acceptable" }));
  });

  test("leaves out what no built-in kind has here", () => {
    const object = { kind: "ConfigMap", apiVersion: "v1", metadata: { name: "a" }, ofTomorrow: true };
    expect(decodeProtobuf(encodeProtobuf(object))).toEqual({
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: { name: "a" },
    });
  });

  test("has groups that are built in, and no others", () => {
    expect(["v1", "apps/v1", "example.com/v1", "toString"].map(isKnownGroupVersion)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});
