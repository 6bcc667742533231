import protobuf from "protobufjs/minimal.js";
import { Refusal } from "../../../base/errors.ts";
import type { KubernetesObject } from "../../types.ts";
import { Encoder } from "./encoder.ts";
import { writeEnvelope } from "./envelope.ts";
import { schema } from "./schema.ts";
import { BYTES } from "./wire.ts";

/**
 * Writes an object as `application/vnd.kubernetes.protobuf`, for a client that accepts nothing else. Fields that no
 * built-in kind has here (of a newer API server) are left out: a client that reads protobuf by its own types drops
 * them as well. Throws Refusal `not-acceptable` for a kind that has no encoding in protobuf, and for a value that its
 * field cannot hold.
 */
export function encodeProtobuf(object: KubernetesObject): Uint8Array {
  const { apiVersion, kind } = object;
  const message =
    typeof apiVersion === "string" && typeof kind === "string" ? schema().ofKind(apiVersion, kind) : undefined;
  if (message === undefined) {
    throw new Refusal("not-acceptable", "the answer is of a kind that has no protobuf", {
      next: "Accept application/json.",
    });
  }
  const raw = new Encoder().finish(message, object);
  return writeEnvelope({ apiVersion: apiVersion as string, kind: kind as string, raw });
}

/**
 * One event of a watch, without the four bytes of length that frame it on the wire: a meta/v1 WatchEvent with no
 * envelope, around an object that has one (k8s.io/apimachinery/pkg/runtime/serializer/streaming). Throws as
 * `encodeProtobuf` does.
 */
export function encodeProtobufWatchEvent(type: string, object: KubernetesObject): Uint8Array {
  const writer = protobuf.Writer.create();
  writer.uint32((1 << 3) | BYTES).string(type);
  // RawExtension, whose raw bytes are the object.
  writer.uint32((2 << 3) | BYTES).fork();
  writer.uint32((1 << 3) | BYTES).bytes(encodeProtobuf(object));
  return writer.ldelim().finish();
}
