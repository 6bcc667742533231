import { Refusal } from "../base/errors.ts";
import type { PatchType } from "./body/content-type.ts";
import { malformed, parseStrictJson } from "./body/json.ts";
import { jsonForYaml, parseYaml } from "./body/yaml.ts";
import { pointerTokens } from "./json-pointer.ts";
import type { KubernetesObject } from "./types.ts";

export interface JsonPatchOperation {
  op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  path: string;
  from?: string;
  value?: unknown;
}

/** A patch as it was judged: operations of a JSON patch, or the fragment that merges. */
export type Patch =
  | { type: "json"; operations: JsonPatchOperation[] }
  | { type: "merge" | "strategic" | "apply"; fragment: KubernetesObject };

const OPS = new Set(["add", "remove", "replace", "move", "copy", "test"]);
const NEEDS_FROM = new Set(["move", "copy"]);
const NEEDS_VALUE = new Set(["add", "replace", "test"]);
const OPERATION_KEYS = new Set(["op", "path", "from", "value"]);
/** The API server's own limit on operations (handlers/patch.go maxJSONPatchOperations). */
const OPERATION_LIMIT = 10_000;

function isObject(value: unknown): value is KubernetesObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readOperation(value: unknown, index: number): JsonPatchOperation {
  const at = `operation ${index} of the JSON patch`;
  if (!isObject(value)) throw malformed(`${at} is no object`);
  const { op, path, from } = value;
  if (typeof op !== "string" || !OPS.has(op)) throw malformed(`${at} has no known "op"`);
  if (typeof path !== "string") throw malformed(`${at} has no "path"`);
  pointerTokens(path);
  for (const key of Object.keys(value)) {
    if (!OPERATION_KEYS.has(key)) throw malformed(`${at} has an unknown key "${key.slice(0, 50)}"`);
  }
  if (NEEDS_FROM.has(op)) {
    if (typeof from !== "string") throw malformed(`${at} has no "from"`);
    pointerTokens(from);
  } else if (from !== undefined) {
    throw malformed(`${at} has a "from", which "${op}" does not take`);
  }
  if (NEEDS_VALUE.has(op) && !Object.hasOwn(value, "value")) throw malformed(`${at} has no "value"`);
  return value as unknown as JsonPatchOperation;
}

/**
 * Parses a patch body strictly (body/json.ts; apply patches as YAML). Throws Refusal `malformed-body`.
 * `text` is the decoded body.
 */
export function parsePatch(type: PatchType, text: string): Patch {
  const value = type === "apply" ? parseYaml(text) : parseStrictJson(text);
  if (type === "json") {
    if (!Array.isArray(value)) throw malformed("a JSON patch is a list of operations");
    if (value.length > OPERATION_LIMIT) throw malformed(`a JSON patch may have ${OPERATION_LIMIT} operations`);
    return { type, operations: value.map(readOperation) };
  }
  if (!isObject(value)) throw malformed("a patch of this type is an object");
  return { type, fragment: value };
}

/** A patch as it goes upstream. Apply patches keep to the JSON that YAML readers take as such. */
export function serializePatch(patch: Patch): string {
  if (patch.type === "json") return JSON.stringify(patch.operations);
  return patch.type === "apply" ? jsonForYaml(patch.fragment) : JSON.stringify(patch.fragment);
}

const VERSION_TOKENS = ["metadata", "resourceVersion"];

/** The resourceVersion that a client's JSON patch leaves in the object: a set that a later operation undoes is none. */
function versionOfOperations(operations: JsonPatchOperation[]): unknown {
  let version: unknown;
  for (const { op, path, from, value } of operations) {
    for (const pointer of [path, op === "move" ? from : undefined]) {
      if (pointer === undefined || op === "test") continue;
      const tokens = pointerTokens(pointer);
      if (tokens.some((token, i) => token !== VERSION_TOKENS[i])) continue;
      let set: unknown = op === "add" || op === "replace" ? value : undefined;
      for (const token of VERSION_TOKENS.slice(tokens.length)) set = isObject(set) ? set[token] : undefined;
      version = set;
    }
  }
  return version;
}

function refuseZero(version: unknown): void {
  if (version !== "0") return;
  throw new Refusal("malformed-body", 'metadata.resourceVersion "0" makes a write unconditional, and is refused', {
    next: "Leave resourceVersion out, or send the one that you read.",
  });
}

/**
 * The resourceVersion that the client itself asks for, or undefined. Where there is one the client has
 * chosen its own precondition: a 409 is its to see. Throws Refusal on "0", which the API server treats as
 * no condition at all [measured on kube-apiserver 1.36.3].
 */
export function clientResourceVersion(patch: Patch): string | undefined {
  let version: unknown;
  if (patch.type === "json") {
    version = versionOfOperations(patch.operations);
  } else {
    const { metadata } = patch.fragment;
    version = isObject(metadata) ? metadata.resourceVersion : undefined;
  }
  refuseZero(version);
  return typeof version === "string" && version !== "" ? version : undefined;
}

/** As clientResourceVersion, for the body of a create or update. */
export function objectResourceVersion(object: KubernetesObject): string | undefined {
  return clientResourceVersion({ type: "merge", fragment: object });
}

/**
 * Throws Refusal `conflict` where the client asks for another version than the one that was judged: the
 * write would land on an object that nobody looked at.
 */
function agree(client: string | undefined, judged: string): void {
  refuseZero(judged);
  if (client === undefined || client === judged) return;
  throw new Refusal("conflict", "the object has been modified; the request names another resourceVersion", {
    next: "Read the object again and apply the change to its latest version.",
  });
}

function bindObject(object: KubernetesObject, resourceVersion: string): KubernetesObject {
  const { metadata } = object;
  if (metadata !== undefined && !isObject(metadata)) throw malformed("metadata is no object");
  return { ...object, metadata: { ...metadata, resourceVersion } };
}

/**
 * The same patch, bound to the version of the object that was judged (design §2). A JSON patch gets the
 * operation last: an earlier one could be removed by the client's own operations, and a `test` answers 422.
 * `resourceVersion` is that of oldObject. Throws Refusal `conflict` where the client names another.
 */
export function withPrecondition(patch: Patch, resourceVersion: string): Patch {
  agree(clientResourceVersion(patch), resourceVersion);
  if (patch.type !== "json") return { type: patch.type, fragment: bindObject(patch.fragment, resourceVersion) };
  const bind: JsonPatchOperation = { op: "add", path: "/metadata/resourceVersion", value: resourceVersion };
  return { type: "json", operations: [...patch.operations, bind] };
}

/** As withPrecondition, for the body of an update. */
export function withObjectPrecondition(object: KubernetesObject, resourceVersion: string): KubernetesObject {
  agree(objectResourceVersion(object), resourceVersion);
  return bindObject(object, resourceVersion);
}
