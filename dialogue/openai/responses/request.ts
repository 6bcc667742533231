import { Refusal } from "../../../base/errors.ts";
import {
  comparedBy,
  greatest,
  isFlag,
  isText,
  list,
  optional,
  readBody,
  refuse,
  refuseLookalikes,
} from "../../request-json.ts";
import type { ModelRequest } from "../../types.ts";
import type { JsonObject } from "../fields.ts";
import { eitherDialect, promptOf } from "../request-fields.ts";
import { readTools } from "../request-tools.ts";
import { recallsOf } from "./recalls.ts";
import { toolResult } from "./tool-result.ts";

/**
 * What a request to `responses` asks for, as far as policy and the record need it. Fields that it does not know are the
 * provider's. Throws Refusal `malformed-body`, `body-too-large`, or `forbidden` for `background`: such a reply is
 * fetched later, as the provider wrote it.
 */
export function readResponsesRequest(body: Buffer, limits: { bytes?: number } = {}): ModelRequest {
  const root = readBody(body, NAMES, limits.bytes);
  if (optional(root, "background", isFlag) === true) {
    throw new Refusal("forbidden", "background responses are refused: their tool calls would not be seen", {
      next: "Send the request without `background`.",
    });
  }
  const input = readInput(root);
  const turn = lastTurn(input);
  const tools = [
    ...list(root, "tools"),
    ...input.flatMap((item) => (BRINGS_TOOLS.has(String(item.type)) ? list(item, "tools") : [])),
  ];
  const previous = optional(root, "previous_response_id", isText);
  const recalls = recallsOf(root, input, tools);
  return {
    model: optional(root, "model", isText) ?? modelOfPrompt(root),
    prompt: promptOf(turn.filter((item) => isMessage(item) && item.role === "user")),
    toolResults: turn.flatMap(toolResult),
    tools: tools.flatMap(readTools),
    ...eitherDialect(root, tools),
    ...greatest([root], "max_output_tokens"),
    ...(previous !== undefined && { continues: previous }),
    ...(recalls.length > 0 && { recalls }),
    ...comparedBy(root, "prompt_cache_options", "comparison_response_id"),
    ...(root.store !== false && { stored: true }),
  };
}

const NAMES = new Set([
  ...["model", "models", "input", "stream", "background", "store", "tools", "max_output_tokens"],
  ...["previous_response_id", "conversation", "prompt", "prompt_cache_options"],
]);

/** Members of an item by which it is told what was said. */
const ITEM_NAMES = new Set([
  ...["type", "role", "content", "id", "call_id", "name", "output", "tools", "execution", "status"],
  ...["approval_request_id", "approve", "reason", "encrypted_content", "summary"],
]);

/** Items of the input that declare tools, beside `tools`. */
const BRINGS_TOOLS = new Set(["additional_tools", "tool_search_output"]);

function readInput(root: JsonObject): JsonObject[] {
  if (typeof root.input === "string") return [{ type: "message", role: "user", content: root.input }];
  return list(root, "input").map((item) => refuseLookalikes(item, ITEM_NAMES));
}

/** A message may leave its type away. */
function isMessage(item: JsonObject): boolean {
  return item.type === "message" || (item.type === undefined && item.role !== undefined);
}

/**
 * What came since the assistant last spoke or thought. Calls don't end a turn: some clients put each result behind its
 * call, so that a result may come again in the next request.
 */
function lastTurn(input: JsonObject[]): JsonObject[] {
  const spoke = (item: JsonObject): boolean =>
    item.type === "reasoning" ||
    item.type === "compaction" ||
    (isMessage(item) && item.role === "assistant") ||
    (item.type === "item_reference" && /^(?:msg|rs)_/.test(String(item.id)));
  const end = input.findLastIndex((item) => !spoke(item)) + 1;
  return input.slice(input.slice(0, end).findLastIndex(spoke) + 1, end);
}

function modelOfPrompt(root: JsonObject): string {
  if ((root.prompt ?? null) === null) refuse("it has no `model`");
  return "";
}
