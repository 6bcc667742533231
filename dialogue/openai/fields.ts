import { isObject, JsonError, lookalikeIn, parseStrictObject } from "../json/strict-json.ts";
import type { JsonObject } from "../request-json.ts";
import { BrokenReply } from "../sse/guard-stream.ts";

export type { JsonObject };

/** Log probabilities of a long reply are some hundred thousand. */
const VALUES = 1_000_000;

/**
 * An event or a reply. A text may end within a character, whose other half is in the next piece. Keys that differ in
 * case alone may be a tool's own: `refuseLookalikes` is for those that are the API's. Throws BrokenReply.
 */
export function readReplyObject(text: string): JsonObject {
  try {
    return parseStrictObject(text, { halves: true, depth: 200, values: VALUES });
  } catch (error) {
    if (error instanceof JsonError) throw new BrokenReply(`of its JSON, ${error.message}`);
    throw error;
  }
}

/** Refuses keys that some readers take for one of `names`, and others for a field that they do not know. */
export function refuseLookalikes(object: JsonObject, names: ReadonlySet<string>): void {
  const name = lookalikeIn(object, names);
  if (name !== undefined) throw new BrokenReply(`a field is written so that readers differ whether it is ${name}`);
}

/** Signatures of thoughts and the like, which Gemini's endpoints and gateways before us put into calls for the next request. */
const CARRIED = new Set(["extra_content", "provider_specific_fields", "thought_signature"]);

/** Refuses a part of a tool call with fields that are in none of the API's: what a client makes of them is not judged. */
export function refuseUnknown(object: JsonObject, known: ReadonlySet<string>): void {
  for (const [key, value] of Object.entries(object)) {
    if (value !== null && !known.has(key) && !CARRIED.has(key)) {
      throw new BrokenReply("a tool call has a field that nobody knows");
    }
  }
}

/** A text, or undefined where there is none; anything else ends the reply. */
export function textOf(object: JsonObject, key: string): string | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new BrokenReply(`${key} is no text`);
  return value;
}

/** A list, empty where there is none; anything else ends the reply. */
export function listOf(object: JsonObject, key: string): unknown[] {
  const value = object[key];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new BrokenReply(`${key} is no list`);
  return value;
}

/** An object, or undefined where there is none; anything else ends the reply. */
export function objectOf(object: JsonObject, key: string): JsonObject | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw new BrokenReply(`${key} is no object`);
  return value;
}

/** A whole number from 0, below `limit`; anything else ends the reply. */
export function indexOf(object: JsonObject, key: string, limit: number): number {
  const value = object[key];
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= limit) {
    throw new BrokenReply(`${key} is no number below ${limit}`);
  }
  return value;
}

export function countOf(object: JsonObject | undefined, key: string): number | undefined {
  const value = object?.[key];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
