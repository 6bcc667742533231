import { Refusal } from "../../../base/errors.ts";
import type { KubernetesObject } from "../../types.ts";
import { malformed } from "../json.ts";
import { Decoder } from "./decoder.ts";
import { readEnvelope } from "./envelope.ts";
import { schema } from "./schema.ts";

/**
 * Reads a body of `application/vnd.kubernetes.protobuf` as the JSON object that Go would print of it: the fields of
 * embedded structs inlined, quantities, times and their like as strings, and the zero values that Go writes. Stricter
 * than the API server, which skips unknown fields, merges repeated ones and takes any bytes for a string.
 * Throws Refusal `malformed-body`; `unsupported-media-type` for a kind that is not built in.
 */
export function decodeProtobuf(bytes: Uint8Array): KubernetesObject {
  try {
    const { apiVersion, kind, raw } = readEnvelope(bytes);
    if (apiVersion === "" || kind === "") throw malformed("its protobuf names no apiVersion and kind");
    const message = schema().ofKind(apiVersion, kind);
    if (message === undefined) {
      throw new Refusal(
        "unsupported-media-type",
        `protobuf of ${kind.slice(0, 100)} in ${apiVersion.slice(0, 100)} is not known here`,
        { next: "Send application/json." },
      );
    }
    const object = new Decoder(raw).message(message) as KubernetesObject;
    return { kind, apiVersion, ...object };
  } catch (error) {
    if (isReadError(error)) throw malformed("its protobuf ends early, or a number in it is wrong");
    throw error;
  }
}

/** What protobufjs throws for bytes that it cannot read: no class of its own. */
function isReadError(error: unknown): boolean {
  return (
    (error instanceof RangeError && error.message.startsWith("index out of range")) ||
    (error instanceof Error && /^invalid (varint|tag|length) encoding$/.test(error.message))
  );
}

/** Whether a kind is built in and has an encoding in protobuf (a Table has none). */
export function isKnownKind(apiVersion: string, kind: string): boolean {
  return schema().ofKind(apiVersion, kind) !== undefined;
}

/** Whether a group and version is built in: custom resources have no protobuf. */
export function isKnownGroupVersion(apiVersion: string): boolean {
  return schema().hasGroup(apiVersion);
}
