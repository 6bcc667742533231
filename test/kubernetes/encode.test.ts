import { expect, test } from "vitest";
import { parse } from "yaml";
import { decodeCbor } from "../../kubernetes/body/cbor.ts";
import { canRender, contentTypeOf, encodeAnswer, encodeWatchFrame } from "../../kubernetes/body/encode.ts";
import { decodeProtobuf } from "../../kubernetes/body/protobuf/decode.ts";

const CONFIG = { kind: "ConfigMap", apiVersion: "v1", data: { a: "yes", b: "\u2028" } };
const EVENT = { type: "ADDED", object: CONFIG };

test.each([
  ["json", "application/json", "application/json"],
  ["cbor", "application/cbor", "application/cbor-seq"],
  ["protobuf", "application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf;stream=watch"],
] as const)("answers in %s are %s, and watches %s, as the API server's are", (render, whole, watch) => {
  expect([contentTypeOf(render, false), contentTypeOf(render, true)]).toEqual([whole, watch]);
});

test("an answer in each encoding is read as the same object", () => {
  expect(JSON.parse(encodeAnswer(CONFIG, "json").toString())).toEqual(CONFIG);
  expect(parse(encodeAnswer(CONFIG, "yaml").toString())).toEqual(CONFIG);
  expect(decodeCbor(encodeAnswer(CONFIG, "cbor"))).toEqual(CONFIG);
});

const SECRETS = {
  kind: "SecretList",
  apiVersion: "v1",
  metadata: {},
  items: [{ metadata: { name: "a" }, data: { p: "AQI=" } }],
};

test("an answer in protobuf is read as the same object, and so is a list", () => {
  expect(decodeProtobuf(encodeAnswer(CONFIG, "protobuf"))).toMatchObject(CONFIG);
  expect(decodeProtobuf(encodeAnswer(SECRETS, "protobuf"))).toMatchObject(SECRETS);
});

test("custom resources have no protobuf: that is known by their group before, and 406 after", () => {
  expect([canRender("protobuf", "", "v1"), canRender("protobuf", "example.com", "v1")]).toEqual([true, false]);
  expect(canRender("cbor", "example.com", "v1")).toBe(true);
  const widget = { kind: "Widget", apiVersion: "example.com/v1" };
  expect(() => encodeAnswer(widget, "protobuf")).toThrow(expect.objectContaining({ code: "not-acceptable" }));
});

test("a frame of a watch in protobuf is its length in four bytes, and an event around an enveloped object", () => {
  const frame = encodeWatchFrame(EVENT, "protobuf");
  expect(frame.readUInt32BE(0)).toBe(frame.length - 4);
  expect(frame.subarray(4, 11).toString("latin1")).toBe("\n\x05ADDED");
  expect(decodeProtobuf(frame.subarray(frame.indexOf("k8s\0")))).toMatchObject(CONFIG);
});

const hex = (text: string): string => Buffer.from(text).toString("hex");
test("a frame of a watch in JSON is a line, and in CBOR an item of a sequence", () => {
  expect(encodeWatchFrame(EVENT, "json").toString()).toBe(`${JSON.stringify(EVENT)}\n`);
  const object = encodeAnswer(CONFIG, "cbor").toString("hex");
  // A map of two, {'type': 'ADDED', 'object': …}, self-described, around an item that is self-described as well.
  expect(encodeWatchFrame(EVENT, "cbor").toString("hex")).toBe(
    `d9d9f7a2${hex("Dtype")}${hex("EADDED")}${hex("Fobject")}${object}`,
  );
});
