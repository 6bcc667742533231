import { isObject } from "../../json/strict-json.ts";
import { keptIds } from "../../kept-ids.ts";
import {
  greatest,
  isCount,
  isText,
  list,
  optional,
  readBody,
  refuse,
  refuseLookalikes,
  required,
} from "../../request-json.ts";
import type { Kept, ModelRequest } from "../../types.ts";
import type { JsonObject } from "../fields.ts";
import { eitherDialect, promptOf, wordsOf } from "../request-fields.ts";
import { readTools } from "../request-tools.ts";

/**
 * What a request to `chat/completions` asks for, as far as policy and the record need it. Fields that it does not know
 * are the provider's. Throws Refusal `malformed-body` or `body-too-large`.
 */
export function readChatRequest(body: Buffer, limits: { bytes?: number } = {}): ModelRequest {
  const root = readBody(body, NAMES, limits.bytes);
  if (!Array.isArray(root.messages)) refuse("it has no `messages`");
  const messages = list(root, "messages").map((message) => refuseLookalikes(message, MESSAGE_NAMES));
  const turn = lastTurn(messages);
  const tools = list(root, "tools");
  const recalls = [...messages.flatMap(audioOf), ...keptIds(messages, ARGUMENTS)];
  const replies = optional(root, "n", isCount);
  return {
    model: required(root, "model", isText),
    prompt: promptOf(turn.filter(({ role }) => role === "user")),
    toolResults: turn.flatMap(toolResult),
    tools: [...tools.flatMap(readTools), ...list(root, "functions").map(legacyTool), ...searches(root)],
    ...eitherDialect(root, tools),
    ...greatest([root], "max_completion_tokens", "max_tokens"),
    ...(replies !== undefined && { replies }),
    ...(recalls.length > 0 && { recalls }),
    ...(root.store === true && { stored: true }),
  };
}

const NAMES = new Set([
  ...["model", "models", "messages", "stream", "n", "tools", "functions", "plugins", "web_search_options"],
  ...["max_tokens", "max_completion_tokens", "store"],
]);

const ARGUMENTS = new Set(["tool_calls", "function_call", "annotations"]);

/** What the model said aloud before, which the provider has. */
function audioOf({ audio }: JsonObject): Kept[] {
  return isObject(audio) && isText(audio.id) ? [{ kind: "audio", id: audio.id }] : [];
}

const ASKING = new Set(["user", "tool", "function"]);

/** Members of a message by which it is told what was said. */
const MESSAGE_NAMES = new Set(["role", "content", "name", "tool_call_id", "tool_calls", "function_call", "audio"]);

/** What came since the assistant last spoke. A reply that is to be continued may stand behind it. */
function lastTurn(messages: JsonObject[]): JsonObject[] {
  const end = messages.findLastIndex(({ role }) => ASKING.has(String(role))) + 1;
  const begin = messages.slice(0, end).findLastIndex(({ role }) => role === "assistant") + 1;
  return messages.slice(begin, end);
}

/** The dialect does not say whether a tool failed. Before `tools`, a result had the function's name alone. */
function toolResult(message: JsonObject): ModelRequest["toolResults"] {
  if (message.role !== "tool" && message.role !== "function") return [];
  const id = required(message, message.role === "tool" ? "tool_call_id" : "name", isText);
  return [{ id, text: wordsOf(message.content), isError: false }];
}

function legacyTool(called: JsonObject): ModelRequest["tools"][number] {
  return { name: required(called, "name", isText), type: "function", server: false };
}

/** Searches that the provider makes: OpenAI's, and the plugins of OpenRouter. */
function searches(root: JsonObject): ModelRequest["tools"] {
  const plugins = list(root, "plugins").map(({ id }) => ({ name: String(id), type: "plugin", server: true }));
  const search = root.web_search_options ?? undefined;
  return search === undefined
    ? plugins
    : [...plugins, { name: "web_search", type: "web_search_options", server: true }];
}
