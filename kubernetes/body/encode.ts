import { Refusal } from "../../base/errors.ts";
import type { KubernetesObject } from "../types.ts";
import { encodeCbor, encodeCborEvent } from "./cbor.ts";
import { isKnownGroupVersion } from "./protobuf/decode.ts";
import { encodeProtobuf, encodeProtobufWatchEvent } from "./protobuf/encode.ts";
import { jsonForYaml } from "./yaml.ts";

/** What a client reads, where its answer is masked and written anew. */
export type Render = "json" | "yaml" | "protobuf" | "cbor";

const CONTENT_TYPES: Record<Render, { whole: string; watch: string }> = {
  json: { whole: "application/json", watch: "application/json" },
  yaml: { whole: "application/yaml", watch: "application/yaml;stream=watch" },
  protobuf: {
    whole: "application/vnd.kubernetes.protobuf",
    watch: "application/vnd.kubernetes.protobuf;stream=watch",
  },
  cbor: { whole: "application/cbor", watch: "application/cbor-seq" },
};

/** The Content-Type that the API server gives such an answer (handlers/watch.go, serveWatchHandler). */
export function contentTypeOf(render: Render, watch: boolean): string {
  return CONTENT_TYPES[render][watch ? "watch" : "whole"];
}

/**
 * Whether answers of this group and version can be written so. Custom resources have no protobuf, and the API server
 * answers 406 before it does anything: to be asked before a request is forwarded.
 */
export function canRender(render: Render, group: string, version: string): boolean {
  return render !== "protobuf" || isKnownGroupVersion(group === "" ? version : `${group}/${version}`);
}

/**
 * An answer as the client reads it. `value` is a Kubernetes object as JSON. YAML is JSON that every YAML reader
 * takes alike. Throws Refusal `not-acceptable` where the kind has no protobuf.
 */
export function encodeAnswer(value: unknown, render: Render): Buffer {
  switch (render) {
    case "json":
      return Buffer.from(JSON.stringify(value));
    case "yaml":
      return Buffer.from(jsonForYaml(value));
    case "cbor":
      return Buffer.from(encodeCbor(value));
    case "protobuf":
      return Buffer.from(encodeProtobuf(value as KubernetesObject));
  }
}

/**
 * One event of a watch, `{type, object}`, framed as the API server frames it: a line of JSON, an item of a CBOR
 * sequence (RFC 8742), or its length in four bytes and a WatchEvent in protobuf. Throws Refusal `not-acceptable`
 * where the kind has no protobuf, and for YAML, which has no frames.
 */
export function encodeWatchFrame(value: unknown, render: Render): Buffer {
  const event = value as { type: string; object: KubernetesObject };
  switch (render) {
    case "json":
      return Buffer.from(`${JSON.stringify(value)}\n`);
    case "yaml":
      throw new Refusal("not-acceptable", "there is no watch in YAML", { next: "Accept application/json." });
    case "cbor":
      return Buffer.from(encodeCborEvent(event));
    case "protobuf": {
      const frame = encodeProtobufWatchEvent(event.type, event.object);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(frame.length);
      return Buffer.concat([length, frame]);
    }
  }
}
