import { expect, test } from "vitest";
import { parse } from "yaml";
import { decodeCbor } from "../../kubernetes/body/cbor.ts";
import { contentTypeOf, encodeAnswer, encodeWatchFrame } from "../../kubernetes/body/encode.ts";

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

test("a frame of a watch in JSON is a line, and in CBOR an item of a sequence", () => {
  expect(encodeWatchFrame(EVENT, "json").toString()).toBe(`${JSON.stringify(EVENT)}\n`);
  expect(decodeCbor(encodeWatchFrame(EVENT, "cbor"))).toEqual(EVENT);
});
