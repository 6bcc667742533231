import { isObject } from "../json/strict-json.ts";
import type { Usage } from "../types.ts";
import { countOf, type JsonObject } from "./fields.ts";

function object(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

/** `usage` of either dialect; cached tokens are part of the input tokens there, and are here. */
export function readUsage(value: unknown): Usage {
  const usage = object(value);
  const details = object(usage?.prompt_tokens_details) ?? object(usage?.input_tokens_details);
  const inputTokens = countOf(usage, "prompt_tokens") ?? countOf(usage, "input_tokens");
  const outputTokens = countOf(usage, "completion_tokens") ?? countOf(usage, "output_tokens");
  const cacheReadTokens = countOf(details, "cached_tokens");
  const cacheWriteTokens = countOf(details, "cache_write_tokens");
  return {
    ...(inputTokens === undefined ? {} : { inputTokens }),
    ...(outputTokens === undefined ? {} : { outputTokens }),
    ...(cacheReadTokens === undefined ? {} : { cacheReadTokens }),
    ...(cacheWriteTokens === undefined ? {} : { cacheWriteTokens }),
  };
}
