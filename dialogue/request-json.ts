import { Refusal } from "../base/errors.ts";
import { isObject, JsonError, lookalikeIn, parseStrictObject } from "./json/strict-json.ts";
import type { ModelRequest } from "./types.ts";

export type JsonObject = Record<string, unknown>;

/** Of a request, at most, where a gateway sets none: images are part of it. Anthropic has the same limit. */
export const REQUEST_BYTES = 32 * 1024 * 1024;

export function refuse(what: string): never {
  throw new Refusal("malformed-body", `the request is refused: ${what}`, {
    next: "Correct the request and send it again.",
  });
}

/**
 * The body of a request, which every reader reads the same. `names`: the fields by which it is judged; some readers (Go's
 * encoding/json) know them in any case. Throws Refusal `malformed-body` or `body-too-large`.
 */
export function readBody(body: Buffer, names: ReadonlySet<string>, bytes = REQUEST_BYTES): JsonObject {
  if (body.length > bytes) {
    throw new Refusal("body-too-large", `the request is larger than ${bytes} bytes`, { next: "Send less at once." });
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    return parseStrictObject(text, { depth: 200, foldDepth: 1, names });
  } catch (error) {
    if (error instanceof JsonError) return refuse(error.message);
    if (error instanceof TypeError) return refuse("it is not valid UTF-8");
    throw error;
  }
}

/** Refuses fields that some readers take for one of `names`, and others for one that they do not know. */
export function refuseLookalikes<One extends JsonObject>(object: One, names: ReadonlySet<string>): One {
  const name = lookalikeIn(object, names);
  return name === undefined ? object : refuse(`a field is written so that readers differ whether it is ${name}`);
}

export function optional<T>(from: JsonObject, key: string, is: (value: unknown) => value is T): T | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  return is(value) ? value : refuse(`its \`${key}\` is not what the API takes`);
}

export const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
export const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

/** Each of them is judged, and has a price; who means it names a handful. */
const MODELS = 32;

/** Models beside the one that is asked, each once. */
export function modelsOf(names: readonly unknown[]): { otherModels?: string[] } {
  const models = [...new Set(names.filter(isText))];
  if (models.length > MODELS) refuse(`it names more than ${MODELS} models`);
  return models.length === 0 ? {} : { otherModels: models };
}

/** The greatest of the counts under these keys: which one a provider goes by is its own choice. */
export function greatest(objects: readonly JsonObject[], ...keys: string[]): { maxTokens?: number } {
  let most = -1;
  for (const object of objects) {
    for (const key of keys) most = Math.max(most, optional(object, key, isCount) ?? -1);
  }
  return most < 0 ? {} : { maxTokens: most };
}

export function required<T>(from: JsonObject, key: string, is: (value: unknown) => value is T): T {
  return optional(from, key, is) ?? refuse(`it has no \`${key}\``);
}

/** The reply that a request is to be compared with, by its id in a member of one of its fields. */
export function comparedBy(root: JsonObject, key: string, member: string): Pick<ModelRequest, "compares"> {
  const id = optional(root, key, isObject)?.[member];
  return isText(id) ? { compares: { id, at: [key, member] } } : {};
}

/** Objects of a list; none where there is no list. */
export function list(from: JsonObject, key: string): JsonObject[] {
  const isList = (value: unknown): value is JsonObject[] =>
    Array.isArray(value) && value.every((each) => isObject(each));
  return optional(from, key, isList) ?? [];
}
