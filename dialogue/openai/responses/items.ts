import { sha256 } from "../../../base/digest.ts";
import { isObject } from "../../json/strict-json.ts";
import { BrokenReply } from "../../sse/guard-stream.ts";
import { type JsonObject, objectOf, refuseLookalikes, refuseUnknown, textOf } from "../fields.ts";
import { type ReadCall, readArguments, readCall } from "../tool-calls.ts";

/**
 * What an item of a response's output is to the client. `call`: it will run it, or let the provider run it, so that it
 * is held back; `server`: it ran at the provider, which was decided on the request; `passive`: it asks for nothing.
 */
export type ItemKind = "call" | "server" | "passive";

/** Members of an item by which clients tell what it is and what it does. */
export const ITEM_NAMES = new Set([
  "type",
  "id",
  "call_id",
  "name",
  "namespace",
  "arguments",
  "input",
  "action",
  "operation",
  "actions",
  "environment",
  "execution",
  "server_label",
]);

/** ResponseOutputItem of `openai` 7.57, less what depends on a field. */
const KINDS: ReadonlyMap<string, ItemKind> = new Map([
  ["message", "passive"],
  ["reasoning", "passive"],
  ["compaction", "passive"],
  ["additional_tools", "passive"],
  ["configuration_update", "passive"],
  ["mcp_list_tools", "passive"],
  ["mcp_approval_response", "passive"],
  ["function_call_output", "passive"],
  ["custom_tool_call_output", "passive"],
  ["computer_call_output", "passive"],
  ["local_shell_call_output", "passive"],
  ["shell_call_output", "passive"],
  ["apply_patch_call_output", "passive"],
  ["tool_search_output", "passive"],
  ["program_output", "passive"],
  ["web_search_call", "server"],
  ["file_search_call", "server"],
  ["code_interpreter_call", "server"],
  ["image_generation_call", "server"],
  ["mcp_call", "server"],
  ["program", "server"],
]);

/** A type that nobody here knows may be one that clients run: it is held and decided like a call. */
export function itemKind(item: JsonObject): ItemKind {
  const { type } = item;
  if (typeof type !== "string") throw new BrokenReply("an item of the output has no type");
  if (type === "shell_call") {
    const environment = isObject(item.environment) ? item.environment.type : undefined;
    return environment === "container_reference" ? "server" : "call";
  }
  if (type === "tool_search_call") return item.execution === "server" ? "server" : "call";
  return KINDS.get(type) ?? "call";
}

/** Where a call has what it would do: a text of its own, an object, or the item itself. */
type Body = { text: string; custom?: boolean } | { object: string } | undefined;

const BODIES: ReadonlyMap<string, Body> = new Map<string, Body>([
  ["function_call", { text: "arguments" }],
  ["mcp_approval_request", { text: "arguments" }],
  ["custom_tool_call", { text: "input", custom: true }],
  ["local_shell_call", { object: "action" }],
  ["shell_call", { object: "action" }],
  ["apply_patch_call", { object: "operation" }],
  ["tool_search_call", { object: "arguments" }],
]);

const OF_ALL = ["id", "type", "status", "call_id", "caller", "async", "created_by", "response_id"];

/** Fields of calls beside those of all (`openai` 7.57). Of other types the whole item is judged. */
const FIELDS: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries({
    function_call: ["name", "arguments", "namespace"],
    mcp_approval_request: ["name", "arguments", "server_label"],
    custom_tool_call: ["name", "input", "namespace"],
    local_shell_call: ["action"],
    shell_call: ["action", "environment"],
    apply_patch_call: ["operation"],
    tool_search_call: ["arguments", "execution"],
  }).map(([type, fields]) => [type, new Set([...OF_ALL, ...fields])]),
);

/** Members of an action or operation. */
const ACTION_NAMES = new Set([
  "type",
  "command",
  "commands",
  "working_directory",
  "user",
  "env",
  "path",
  "diff",
  "actions",
]);

/** The key under which an item of the type has the text that streams as its arguments; undefined where none does. */
export function textKey(type: unknown): string | undefined {
  const body = BODIES.get(String(type));
  return body !== undefined && "text" in body ? body.text : undefined;
}

/** Of whom an item is: its call's id, or its own where it has none. */
export function callId(item: JsonObject): string {
  return textOf(item, "call_id") || textOf(item, "id") || "";
}

function callName(item: JsonObject, type: string): string {
  if (type === "function_call" || type === "custom_tool_call" || type === "mcp_approval_request") {
    return textOf(item, "name") ?? "";
  }
  if (BODIES.has(type) || type === "computer_call") return type.replace(/_call$/, "");
  return typeof item.name === "string" && item.name !== "" ? item.name : type;
}

/**
 * The tool call that a whole item is. Calls of the API's own tools have the name of the tool (`shell`, `local_shell`,
 * `apply_patch`, `computer`, `tool_search`) and their action as arguments; of a type that nobody knows, the whole item.
 */
export function readItemCall(item: JsonObject, index: number): ReadCall {
  const type = String(item.type);
  const body = BODIES.get(type);
  const fields = FIELDS.get(type);
  if (fields !== undefined) refuseUnknown(item, fields);
  const toolset = textOf(item, "namespace") || textOf(item, "server_label");
  const call = { id: callId(item), name: callName(item, type), ...(toolset && { toolset }), kind: type, index };
  if (body !== undefined && "text" in body) {
    const text = textOf(item, body.text) ?? "";
    return readCall({ ...call, text }, body.custom === true ? { arguments: { input: text } } : readArguments(text));
  }
  const { id: _id, type: _type, status: _status, ...rest } = item;
  const value = body === undefined ? rest : (objectOf(item, body.object) ?? {});
  refuseLookalikes(value, ACTION_NAMES);
  return { call: { ...call, text: JSON.stringify(value), arguments: value } };
}

/** The item with other arguments. Throws BrokenReply where the provider, or nobody knows who, would run the first ones. */
export function rewriteItem(item: JsonObject, replacement: Record<string, unknown>): JsonObject {
  const type = String(item.type);
  const body = BODIES.get(type);
  if (type === "computer_call") return { ...item, ...replacement, id: item.id, call_id: item.call_id, type };
  if (body === undefined || type === "mcp_approval_request") throw new BrokenReply("a tool call cannot be rewritten");
  if ("object" in body) return { ...item, [body.object]: replacement };
  const { input } = replacement;
  const text = body.custom === true && typeof input === "string" ? input : JSON.stringify(replacement);
  return { ...item, [body.text]: text };
}

/** Ids of messages that this gateway wrote: providers know none of them. */
export const OWN_MESSAGE = "msg_sallyport_";

/** What tells a place in a response from every other one. */
export function placeName(responseId: unknown, at: number | string): string {
  return `${typeof responseId === "string" ? responseId : ""} ${at}`;
}

/** The message that stands in the place of a call. `of`: what tells it from every other one. */
export function messageItem(of: string, text: string): JsonObject {
  return {
    id: OWN_MESSAGE + sha256(of).slice(0, 32),
    type: "message",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text, annotations: [], logprobs: [] }],
  };
}

/** A tool that ran at the provider, for the record. */
export function serverTool(item: JsonObject): { id: string; name: string } {
  const type = String(item.type).replace(/_call$/, "");
  const label = typeof item.server_label === "string" ? `${item.server_label}/` : "";
  const name = typeof item.name === "string" && type === "mcp" ? label + item.name : type;
  return { id: typeof item.id === "string" ? item.id : "", name };
}
