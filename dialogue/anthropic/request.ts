import { isObject } from "../json/strict-json.ts";
import { keptIds } from "../kept-ids.ts";
import {
  comparedBy,
  greatest,
  isFlag,
  isText,
  type JsonObject,
  list,
  modelsOf,
  optional,
  readBody,
  refuse,
  refuseLookalikes,
  required,
} from "../request-json.ts";
import type { Kept, ModelRequest } from "../types.ts";
import { resultText, textOf } from "./content-text.ts";
import { readTool } from "./tools.ts";

/**
 * What a request to `/v1/messages` or `/v1/messages/count_tokens` asks for, as far as policy and the record need it.
 * Strict about that, and blind to all else: fields that it does not know are the provider's. Throws Refusal
 * `malformed-body` or `body-too-large`.
 */
export function readRequest(body: Buffer, limits: { bytes?: number } = {}): ModelRequest {
  const root = readBody(body, NAMES, limits.bytes);
  const turn = lastTurn(messages(root));
  const system = messages(root).filter(({ role }) => role === "system");
  const tools = [...list(root, "tools"), ...system.flatMap(addedTools)].map((tool) =>
    refuseLookalikes(tool, TOOL_NAMES),
  );
  const recalls = recallsOf(root);
  const userId = optional(root, "metadata", isObject)?.user_id;
  return {
    model: required(root, "model", isText),
    stream: optional(root, "stream", isFlag) ?? false,
    prompt: turn.map(textOf).filter(Boolean).join("\n\n"),
    toolResults: turn.flatMap(blocks).flatMap(toolResult),
    tools: tools.map((tool) => readTool(tool) ?? refuse("a tool has no usable name or type")),
    mcpServers: list(root, "mcp_servers").map((server) => ({
      name: required(refuseLookalikes(server, TOOL_NAMES), "name", isText),
      url: required(server, "url", isText),
    })),
    ...(typeof userId === "string" && { userId }),
    // A fallback, or a model that a tool asks, may have a limit of its own.
    ...greatest([root, ...instead(root), ...tools], "max_tokens"),
    ...modelsOf([...fallbacks(root), ...tools.map(({ model }) => model)]),
    ...continues(root),
    ...(recalls.length > 0 && { recalls }),
    ...comparedBy(root, "diagnostics", "previous_message_id"),
  };
}

const NAMES = new Set([
  ...["model", "messages", "system", "stream", "max_tokens", "tools", "mcp_servers", "fallbacks"],
  ...["thread", "container", "diagnostics"],
]);

/** Members of a tool, a server, or a fallback, by which it is judged. */
const TOOL_NAMES = new Set(["type", "name", "mcp_server_name", "url", "model", "max_tokens"]);

/** Members of a message, or of a block of it, by which it is told what was said. */
const TURN_NAMES = new Set([...["role", "content", "type", "text", "tool_use_id", "is_error", "tool", "definition"]]);

const ROLES = new Set(["user", "assistant", "system"]);

function messages(root: JsonObject): JsonObject[] {
  if (!Array.isArray(root.messages)) return refuse("it has no `messages`");
  const all = list(root, "messages");
  for (const message of all) {
    refuseLookalikes(message, TURN_NAMES);
    if (!ROLES.has(String(message.role))) refuse("a message has a role that is not known");
    blocks(message);
  }
  return all;
}

/** A message's blocks; a string is one of text. */
function blocks(message: JsonObject): JsonObject[] {
  const { content } = message;
  if (typeof content === "string") return [{ type: "text", text: content }];
  const all = list(message, "content");
  for (const block of all) if (!isText(refuseLookalikes(block, TURN_NAMES).type)) refuse("a block has no `type`");
  return all;
}

/** What the person's side said since the assistant last spoke. A reply that is to be continued may stand behind it. */
function lastTurn(all: JsonObject[]): JsonObject[] {
  const end = all.findLastIndex(({ role }) => role === "user") + 1;
  const begin = all.slice(0, end).findLastIndex(({ role }) => role === "assistant") + 1;
  return all.slice(begin, end).filter(({ role }) => role === "user");
}

function toolResult(block: JsonObject): ModelRequest["toolResults"] {
  if (block.type !== "tool_result") return [];
  const isError = optional(block, "is_error", isFlag) ?? false;
  return [{ id: required(block, "tool_use_id", isText), text: resultText(block.content), isError }];
}

/** Tools that come to a conversation with a system message in it (`tool_addition`), beside those of `tools`. */
function addedTools(message: JsonObject): JsonObject[] {
  return blocks(message).flatMap(({ type, tool }) => {
    if (type !== "tool_addition" || !isObject(tool) || tool.type !== "tool_definition") return [];
    return isObject(tool.definition) ? [tool.definition] : refuse("a tool that is added has no definition");
  });
}

function fallbacks(root: JsonObject): string[] {
  if (typeof root.fallbacks === "string") return [root.fallbacks];
  return instead(root).map((each) => required(each, "model", isText));
}

function instead(root: JsonObject): JsonObject[] {
  return typeof root.fallbacks === "string"
    ? []
    : list(root, "fallbacks").map((each) => refuseLookalikes(each, TOOL_NAMES));
}

/** What it has its provider add of what that keeps (MessageCreateParams of the SDK, stable and beta). */
function recallsOf(root: JsonObject): Kept[] {
  const { continues: before } = continues(root);
  const container = root.container ?? undefined;
  const id = isObject(container) ? container.id : container;
  // Skills of the API's own are tools of its own; a workspace's say what nobody here has read.
  const skills = isObject(container) ? list(container, "skills").filter(({ type }) => type !== "anthropic") : [];
  return [
    ...(before === undefined ? [] : [{ kind: "reply" as const, id: before }]),
    ...(isText(id) ? [{ kind: "container" as const, id }] : []),
    ...keptIds(skills, OWN_WORDS),
    ...keptIds(root.messages, OWN_WORDS),
    ...keptIds(root.system, OWN_WORDS),
  ];
}

/** Arguments of calls, and definitions of tools. */
const OWN_WORDS = new Set(["input", "definition", "citations"]);

function continues(root: JsonObject): { continues?: string } {
  const thread = optional(root, "thread", isObject);
  if (thread === undefined || thread.type === "create") return {};
  return { continues: required(thread, "previous_message_id", isText) };
}
