import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { narrowAccept } from "../../kubernetes/accept.ts";
import { failureStatus } from "../../kubernetes/status.ts";
import { WatchFrames } from "../../kubernetes/watch-frames.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const KUBECTL_GET =
  "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";

const ACCEPTS: [string, string | undefined, string?][] = [
  ["", "application/json"],
  ["*/*", "application/json"],
  ["application/*", "application/json"],
  ["application/json", "application/json"],
  ["application/json, */*", "application/json"],
  ["application/vnd.kubernetes.protobuf,application/json", "application/json"],
  ["application/vnd.kubernetes.protobuf, */*", "application/json"],
  ["application/cbor, application/json;q=0.5", "application/json"],
  [KUBECTL_GET, KUBECTL_GET],
  ["application/json; as=Table; v=v1; g=meta.k8s.io", TABLE],
  [
    "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  ],
  ["application/json;q=0.1,application/json;as=Table;v=v1;g=meta.k8s.io", `${TABLE},application/json`],
  ["application/json;q=0", "application/json"],
  ["application/yaml", "application/json", "yaml"],
  ["application/yaml, application/json", "application/json", "json"],
  ["application/vnd.kubernetes.protobuf", "application/json", "protobuf"],
  ["application/vnd.kubernetes.protobuf;stream=watch", "application/json", "protobuf"],
  ["application/yaml;stream=watch", undefined],
  ["application/yaml;as=Table;v=v1;g=meta.k8s.io", TABLE, "yaml"],
  ["application/*;as=Table;v=v1;g=meta.k8s.io", TABLE],
  ["application/cbor;as=Table;v=v1;g=meta.k8s.io", undefined],
  ["application/cbor, application/yaml", "application/json", "cbor"],
  ["text/yaml", undefined],
  ["application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io", undefined],
  ["application/cbor", "application/json", "cbor"],
  ["application/json;as=Unknown;v=v1;g=meta.k8s.io", undefined],
  ["application/json;as=Table;v=v9;g=meta.k8s.io", undefined],
  ["text/html", undefined],
  [`${"application/json,".repeat(1000)}`, undefined],
];
test.each(ACCEPTS)("Accept %j asks upstream for %j", (accept, expected, render = "json") => {
  expect(narrowAccept(accept)).toEqual(expected === undefined ? undefined : { accept: expected, render });
});

const EVENTS = ['{"type":"ADDED","object":{"a":"\u00e9"}}', '{"type":"BOOKMARK","object":{}}', '{"type":"DELETED"}'];
const BODY = new TextEncoder().encode(`${EVENTS.join("\n")}\n`);
const text = (frames: Uint8Array[]) => frames.map((frame) => new TextDecoder().decode(frame));

describe("hoop inspector: watch frames split across reads", () => {
  test("come out whole at every byte offset", () => {
    for (let at = 0; at <= BODY.length; at++) {
      const frames = new WatchFrames();
      expect(text([...frames.push(BODY.subarray(0, at)), ...frames.push(BODY.subarray(at))])).toEqual(EVENTS);
      expect(frames.end()).toBeUndefined();
    }
  });
  test("come out whole from any chunks, also when the chunks' buffer is used again", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(BODY.length)), (cuts) => {
        const frames = new WatchFrames();
        const out: string[] = [];
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), BODY.length]) {
          const chunk = BODY.slice(from, to);
          out.push(...text(frames.push(chunk)));
          chunk.fill(0);
          from = to;
        }
        expect(out).toEqual(EVENTS);
      }),
    );
  });
});

test("a watch that ends inside a frame says so, and the piece is not a frame", () => {
  const frames = new WatchFrames();
  expect(frames.push(BODY.subarray(0, 10))).toEqual([]);
  expect(frames.end()).toHaveLength(10);
  expect(frames.end()).toBeUndefined();
});

test.each([1, 7, 100])("a frame over the limit is refused, in chunks of %i bytes", (size) => {
  const frames = new WatchFrames(50);
  const push = () => {
    for (let i = 0; i < 100; i += size) frames.push(new Uint8Array(size).fill(0x20));
    frames.push(new Uint8Array([0x0a]));
  };
  expect(push).toThrow(Refusal);
});

test("a whole frame over the limit in one chunk is refused", () => {
  expect(() => new WatchFrames(5).push(new TextEncoder().encode("1234567\n"))).toThrow(Refusal);
});

const REASONS: [number, string][] = [
  [400, "BadRequest"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "NotFound"],
  [409, "Conflict"],
  [413, "RequestEntityTooLarge"],
  [415, "UnsupportedMediaType"],
  [422, "Invalid"],
  [429, "TooManyRequests"],
  [500, "InternalError"],
  [502, "InternalError"],
  [503, "ServiceUnavailable"],
  [504, "Timeout"],
  [418, "Unknown"],
];
test.each(REASONS)("HTTP %i is the reason %s in a Status", (code, reason) => {
  expect(failureStatus(code, "m")).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: "m",
    reason,
    code,
  });
});

test("a Status carries causes and when to come back", () => {
  const details = { causes: [{ reason: "workload/host-path", message: "m", field: "spec" }], retryAfterSeconds: 3 };
  expect(failureStatus(403, "m", details)).toMatchObject({ details });
});
