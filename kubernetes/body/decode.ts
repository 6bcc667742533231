import { Refusal } from "../../base/errors.ts";
import { type Patch, parsePatch, serializePatch } from "../patch.ts";
import { isDryRun } from "../query.ts";
import type { KubernetesObject, RequestAttributes } from "../types.ts";
import { decodeCbor } from "./cbor.ts";
import {
  type BodyFormat,
  bodyFormat,
  isCborPatch,
  PATCH_CONTENT_TYPES,
  type PatchType,
  unsupportedMediaType,
} from "./content-type.ts";
import { decodeUtf8, malformed, parseStrictJson } from "./json.ts";
import { deleteOptions } from "./options.ts";
import { decodeProtobuf } from "./protobuf/decode.ts";
import { jsonForYaml, parseYaml } from "./yaml.ts";

export interface BodyLimits {
  bodyBytes: number;
}

export interface DecodedBody {
  /** The object of a create, update or connect; null for patches, deletes and where there is no body. */
  object: KubernetesObject | null;
  /** The patch of a PATCH. */
  patch: Patch | null;
  /** DeleteOptions, CreateOptions and their like, as the server will read them. */
  options: Record<string, unknown>;
  dryRun: boolean;
  /** What goes upstream: what was judged. */
  forwardBytes: Uint8Array;
  forwardContentType: string;
}

const EMPTY = new Uint8Array(0);

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parse(format: BodyFormat, bytes: Uint8Array, limits: BodyLimits): unknown {
  if (format === "cbor") return decodeCbor(bytes);
  if (format === "protobuf") return decodeProtobuf(bytes);
  const text = decodeUtf8(bytes);
  return format === "json" ? parseStrictJson(text) : parseYaml(text, limits.bodyBytes);
}

function parseObject(format: BodyFormat, bytes: Uint8Array, limits: BodyLimits): KubernetesObject {
  const value = parse(format, bytes, limits);
  if (!isObject(value)) throw malformed("a Kubernetes object is a JSON object");
  return value;
}

function refuseLists(object: KubernetesObject): void {
  if (object.kind !== "List") return;
  throw malformed("a list is no object that the API server takes; send one request for each item");
}

/** The bytes that were judged: JSON as it was sent, anything else as the JSON that was read from it. */
function forward(
  format: BodyFormat,
  object: KubernetesObject,
  bytes: Uint8Array,
): Pick<DecodedBody, "forwardBytes" | "forwardContentType"> {
  return {
    forwardBytes: format === "json" ? bytes : new TextEncoder().encode(JSON.stringify(object)),
    forwardContentType: "application/json",
  };
}

function decodePatch(
  type: PatchType,
  contentType: string,
  bytes: Uint8Array,
): Pick<DecodedBody, "patch" | "forwardBytes" | "forwardContentType"> {
  const text = isCborPatch(contentType) ? jsonForYaml(decodeCbor(bytes)) : decodeUtf8(bytes);
  const patch = parsePatch(type, text);
  if (patch.type !== "json") refuseLists(patch.fragment);
  return {
    patch,
    // An apply patch is YAML or CBOR to the server: it goes as the JSON that was judged.
    forwardBytes: type === "apply" ? new TextEncoder().encode(serializePatch(patch)) : bytes,
    forwardContentType: PATCH_CONTENT_TYPES[type],
  };
}

/**
 * Reads a request's body into what is judged and what goes upstream. `bytes` is the whole body, without
 * content coding (the API server takes none). Throws Refusal `body-too-large`, `unsupported-media-type` or
 * `malformed-body`.
 */
export function decodeBody(
  attributes: RequestAttributes,
  contentType: string,
  bytes: Uint8Array,
  limits: BodyLimits,
): DecodedBody {
  if (bytes.length > limits.bodyBytes) {
    throw new Refusal("body-too-large", `the body is larger than ${limits.bodyBytes} bytes`, {
      next: "Send a smaller object; the API server itself takes 3 MiB.",
    });
  }
  const none: DecodedBody = {
    object: null,
    patch: null,
    options: deleteOptions(attributes, null),
    dryRun: attributes.dryRun,
    forwardBytes: bytes,
    forwardContentType: contentType,
  };
  if (attributes.method === "PATCH" && !attributes.nonResource && attributes.operation !== "CONNECT") {
    const { patchType } = attributes;
    if (patchType === "") {
      throw unsupportedMediaType(contentType, `Send a patch as ${Object.values(PATCH_CONTENT_TYPES).join(", ")}.`);
    }
    if (bytes.length === 0) throw malformed("it is empty");
    return { ...none, ...decodePatch(patchType, contentType, bytes) };
  }
  // The API server reads no body of a GET; a proxied service's body is its own.
  if (attributes.method === "GET" || attributes.method === "HEAD")
    return { ...none, forwardBytes: EMPTY, forwardContentType: "" };
  if (bytes.length === 0 || attributes.nonResource || attributes.operation === "CONNECT") return none;

  const format = bodyFormat(contentType);
  const object = parseObject(format, bytes, limits);
  if (attributes.operation === "DELETE") {
    if (object.kind !== undefined && object.kind !== "" && object.kind !== "DeleteOptions") {
      throw malformed("the body of a delete is DeleteOptions");
    }
    // A delete with a body is read from the body alone: `?dryRun=All` beside one really deletes.
    const options = deleteOptions(attributes, object);
    return { ...none, options, dryRun: isDryRun(object.dryRun), ...forward(format, object, bytes) };
  }
  refuseLists(object);
  return { ...none, object, ...forward(format, object, bytes) };
}
