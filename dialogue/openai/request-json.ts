import { Refusal } from "../../base/errors.ts";
import { isObject, JsonError, parseStrictObject } from "../json/strict-json.ts";
import type { JsonObject } from "./fields.ts";

/** Of a request, at most, where a gateway sets none: images are part of it. */
export const REQUEST_BYTES = 32 * 1024 * 1024;

export function refuse(what: string): never {
  throw new Refusal("malformed-body", `the request is refused: ${what}`, {
    next: "Correct the request and send it again.",
  });
}

/** The body of a request, which every reader reads the same. Throws Refusal `malformed-body` or `body-too-large`. */
export function readBody(body: Buffer, bytes = REQUEST_BYTES): JsonObject {
  if (body.length > bytes) {
    throw new Refusal("body-too-large", `the request is larger than ${bytes} bytes`, { next: "Send less at once." });
  }
  try {
    return parseStrictObject(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body), { depth: 200 });
  } catch (error) {
    if (error instanceof JsonError) return refuse(error.message);
    if (error instanceof TypeError) return refuse("it is not valid UTF-8");
    throw error;
  }
}

export function optional<T>(from: JsonObject, key: string, is: (value: unknown) => value is T): T | undefined {
  const value = from[key];
  if (value === undefined || value === null) return undefined;
  return is(value) ? value : refuse(`its \`${key}\` is not what the API takes`);
}

export const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
export const isFlag = (value: unknown): value is boolean => typeof value === "boolean";
export const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

export function required<T>(from: JsonObject, key: string, is: (value: unknown) => value is T): T {
  return optional(from, key, is) ?? refuse(`it has no \`${key}\``);
}

/** Objects of a list; none where there is no list. */
export function list(from: JsonObject, key: string): JsonObject[] {
  const isList = (value: unknown): value is JsonObject[] =>
    Array.isArray(value) && value.every((each) => isObject(each));
  return optional(from, key, isList) ?? [];
}

/** The greatest of those that the request says: which one a provider goes by is its own choice. */
export function maxTokens(root: JsonObject, ...keys: string[]): { maxTokens?: number } {
  const values = keys.flatMap((key) => optional(root, key, isCount) ?? []);
  return values.length === 0 ? {} : { maxTokens: Math.max(...values) };
}

/** Who the client says that it is, or acts for. */
export function userId(root: JsonObject): { userId?: string } {
  const metadata = optional(root, "metadata", isObject) ?? {};
  const claim = [root.safety_identifier, root.user, metadata.user_id].find(isText);
  return claim === undefined ? {} : { userId: claim };
}

/** Models beside `model` that the provider may use: fallbacks of routers, and those of tools. */
export function otherModels(root: JsonObject, tools: readonly JsonObject[]): { otherModels?: string[] } {
  const fallbacks: unknown[] = Array.isArray(root.models) ? root.models : [];
  const models = [...fallbacks, ...tools.map(({ model }) => model)].filter(isText);
  return models.length === 0 ? {} : { otherModels: models };
}

/** The text of a message, or of a tool's result: a string, or its parts. */
export function wordsOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const texts = content.flatMap((part) => (isObject(part) && typeof part.text === "string" ? [part.text] : []));
  return texts.join("\n");
}
