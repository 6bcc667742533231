import { isObject } from "../../json/strict-json.ts";
import { keptIds } from "../../kept-ids.ts";
import { isText, optional, required } from "../../request-json.ts";
import type { Kept } from "../../types.ts";
import type { JsonObject } from "../fields.ts";

/**
 * Members of items and tools that nobody looks up: arguments, schemas, what a search found and which sources a text names,
 * all of which clients send back as they got them.
 */
const OWN_WORDS = new Set([
  "action",
  "annotations",
  "arguments",
  "filters",
  "input_schema",
  "logprobs",
  "operation",
  "parameters",
  "results",
]);

/** What a request to `responses` has its provider add of what it keeps (ResponseCreateParams). */
export function recallsOf(root: JsonObject, input: readonly JsonObject[], tools: readonly JsonObject[]): Kept[] {
  const { conversation, prompt } = root;
  const previous = optional(root, "previous_response_id", isText);
  const id = isObject(conversation) ? conversation.id : conversation;
  return [
    ...(previous === undefined ? [] : [{ kind: "reply" as const, id: previous }]),
    ...(isText(id) ? [{ kind: "conversation" as const, id }] : []),
    ...(isObject(prompt) ? [{ kind: "prompt" as const, id: required(prompt, "id", isText) }] : []),
    ...input.flatMap(namedItem),
    ...keptIds(input, OWN_WORDS),
    ...keptIds(tools, OWN_WORDS),
    ...tools.flatMap(({ type, container }) =>
      type === "code_interpreter" && isText(container) ? [{ kind: "container" as const, id: container }] : [],
    ),
  ];
}

/** An item that stands for what the provider has of it, and a permission for a call that it has asked about. */
function namedItem(item: JsonObject): Kept[] {
  const { type, id, approval_request_id: request } = item;
  if (type === "mcp_approval_response" && isText(request)) return [{ kind: "approval request", id: request }];
  return isText(id) && isReference(item) ? [{ kind: "item", id }] : [];
}

/** Whether an item says nothing of its own: what it was, the provider knows by its id. */
export function isReference(item: JsonObject): boolean {
  if (item.type === "item_reference" || (item.type == null && item.role === undefined)) return true;
  if (item.type === "reasoning") return !isText(item.encrypted_content);
  return item.type === "image_generation_call" && !isText(item.result);
}
