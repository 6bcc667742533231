import { isObject, JsonError, parseStrict } from "../json/strict-json.ts";
import type { ToolCall } from "../types.ts";

/** Why a call cannot be decided, in words for the model; they hold nothing of it. */
export function undecided(why: string): string {
  return `A tool call was refused by the gateway, since it could not be judged: ${why}. Call the tool again, with its whole input as one valid JSON object.`;
}

export type Input = { arguments: Record<string, unknown> } | { why: string };

/** The input of a call from its text: one JSON object that all readers read the same. None at all is an empty one. */
export function readInput(text: string): Input {
  if (text === "") return { arguments: {} };
  try {
    const value = parseStrict(text);
    return isObject(value) ? { arguments: value } : { why: "its input is no JSON object" };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return { why: `of its input, ${error.message}` };
  }
}

const NAME_LIMIT = 256;

/** What a block of a call says of it, less its input; undefined where it has no usable name or id. */
export function readCall(block: Record<string, unknown>, index: number): Omit<ToolCall, "text"> | undefined {
  const { id, name, toolset_name: toolset } = block;
  if (!isName(id) || !isName(name) || !(toolset === undefined || toolset === null || isName(toolset))) return undefined;
  return { id, name, index, ...(toolset && { toolset }) };
}

const CALL_KEYS = new Set(["type", "id", "name", "input", "caller", "cache_control", "toolset_name"]);

/**
 * Why a call's block cannot be judged by its name and input: clients take more from it. @anthropic-ai/sdk (1.12) keeps the
 * text of an input in a field of the block, `__json_buf`, and goes on with what the wire put there.
 */
export function unknownKey(block: Record<string, unknown>): string | undefined {
  const known = Object.keys(block).every((key) => CALL_KEYS.has(key));
  return known ? undefined : "its block has a field that the gateway does not know";
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= NAME_LIMIT && value.isWellFormed();
}
