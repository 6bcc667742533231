import { isObject } from "../../json/strict-json.ts";

/** Events of pieces of an item, and the types of item that they are of (ResponseStreamEvent of `openai` 7.57). */
const PIECES: readonly [what: RegExp, types: readonly string[]][] = [
  [/^(output_text|refusal)\./, ["message"]],
  [/^content_part\./, ["message", "reasoning"]],
  [/^reasoning_/, ["reasoning"]],
  [/^function_call_arguments\./, ["function_call"]],
  [/^custom_tool_call_input\./, ["custom_tool_call"]],
  [/^shell_call_command\./, ["shell_call"]],
  [/^apply_patch_call_operation_diff\./, ["apply_patch_call"]],
  [/^shell_call_output_content\./, ["shell_call_output"]],
  [/^mcp_call(_arguments)?\./, ["mcp_call"]],
  [/^mcp_list_tools\./, ["mcp_list_tools"]],
  [/^code_interpreter_call(_code)?\./, ["code_interpreter_call"]],
  [/^file_search_call\./, ["file_search_call"]],
  [/^web_search_call\./, ["web_search_call"]],
  [/^image_generation_call\./, ["image_generation_call"]],
  [/^compaction\./, ["compaction"]],
];

/** The types of item that events of this type are of; undefined where nobody knows. */
export function typesOfItem(eventType: string): readonly string[] | undefined {
  const what = eventType.startsWith("response.") ? eventType.slice("response.".length) : "";
  return PIECES.find(([pattern]) => pattern.test(what))?.[1];
}

const OPENING = new Set(["response.created", "response.queued", "response.in_progress"]);
const CLOSING = new Set(["response.completed", "response.incomplete", "response.failed", "response.cancelled"]);

export function isOpening(eventType: string): boolean {
  return OPENING.has(eventType);
}

export function isClosing(eventType: string): boolean {
  return CLOSING.has(eventType);
}

const CALL_KEYS = new Set([
  "call_id",
  "arguments",
  "operation",
  "command",
  "commands",
  "tool_calls",
  "function_call",
  "item",
  "response",
  "output",
]);

/** Whether an event of a type that nobody here knows could bring a call to a client that knows it. */
export function mayBringCall(event: Record<string, unknown>): boolean {
  const left: unknown[] = [event];
  while (left.length > 0) {
    const value = left.pop();
    if (Array.isArray(value)) for (const item of value) left.push(item);
    else if (isObject(value)) {
      for (const [key, item] of Object.entries(value)) {
        if (CALL_KEYS.has(key.toLowerCase()) && item !== null) return true;
        if (key === "type" && typeof item === "string" && /call/i.test(item)) return true;
        left.push(item);
      }
    }
  }
  return false;
}
