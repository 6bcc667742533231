import { Refusal } from "../../base/errors.ts";
import { encodeCbor } from "./cbor.ts";
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
 * Whether answers of this group and version can be written so: custom resources have no protobuf, and the API server
 * answers 406 before it does anything. To be asked before a request is forwarded.
 */
export function canRender(render: Render, _group: string, _version: string): boolean {
  return render !== "protobuf";
}

function notAcceptable(): Refusal {
  // As the API server says of a custom resource.
  return new Refusal("not-acceptable", "only the following media types are accepted: application/json", {
    next: "Accept application/json.",
  });
}

/**
 * An answer as the client reads it. `value` is a Kubernetes object as JSON. YAML is JSON that every YAML reader
 * takes alike. Throws Refusal `not-acceptable` where the kind has no protobuf.
 */
export function encodeAnswer(value: unknown, render: Render): Buffer {
  if (render === "protobuf") throw notAcceptable();
  if (render === "cbor") return Buffer.from(encodeCbor(value));
  return Buffer.from(render === "yaml" ? jsonForYaml(value) : JSON.stringify(value));
}

/**
 * One event of a watch, `{type, object}`, framed as the API server frames it: a line of JSON, an item of a CBOR
 * sequence (RFC 8742), or its length in four bytes and a WatchEvent in protobuf. Throws Refusal `not-acceptable`
 * where the kind has no protobuf, and for YAML, which has no frames.
 */
export function encodeWatchFrame(value: unknown, render: Render): Buffer {
  if (render === "json") return Buffer.from(`${JSON.stringify(value)}\n`);
  if (render === "cbor") return Buffer.from(encodeCbor(value));
  throw notAcceptable();
}
