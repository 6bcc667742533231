import type { RequestAttributes } from "../types.ts";
import { isCborPatch } from "./content-type.ts";
import { type BodyLimits, type DecodedBody, decodeBody } from "./decode.ts";
import { decodeUtf8 } from "./json.ts";
import { yamlToJson } from "./yaml-worker.ts";

/** Less than this is read at once: a hop to the thread and back costs more. */
const LARGE = 4 * 1024;

/** Whether it is YAML that `parseYaml` reads as such, and not as the JSON that kubectl sends under the same type. */
function isLargeYaml(attributes: RequestAttributes, contentType: string, bytes: Uint8Array): boolean {
  if (bytes.length < LARGE || attributes.nonResource || attributes.operation === "CONNECT") return false;
  const isYaml =
    attributes.method === "PATCH"
      ? attributes.patchType === "apply" && !isCborPatch(contentType)
      : /^\s{0,8}application\/yaml/i.test(contentType);
  return isYaml && !/^\s*\{\s*"/.test(Buffer.from(bytes.subarray(0, 64)).toString("latin1"));
}

/** As `decodeBody`, and large YAML is read on a thread of its own: the main one serves everybody. */
export async function decodeBodyAside(
  attributes: RequestAttributes,
  contentType: string,
  bytes: Uint8Array,
  limits: BodyLimits,
): Promise<DecodedBody> {
  if (!isLargeYaml(attributes, contentType, bytes)) return decodeBody(attributes, contentType, bytes, limits);
  // What it comes to is JSON, which is taken under this type as well.
  const json = await yamlToJson(decodeUtf8(bytes), limits.bodyBytes);
  return decodeBody(attributes, contentType, Buffer.from(json), limits);
}
