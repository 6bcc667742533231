/**
 * What a content block of a reply is to the client. `tool`: it will run it, so that it is held back; `server`: it ran at
 * the provider, which was decided on the request; `text` and `thinking`: words; `passive`: anything that asks for nothing.
 */
export type BlockKind = "text" | "thinking" | "tool" | "server" | "passive";

/** Of the Messages API, stable and beta (@anthropic-ai/sdk 1.12, BetaContentBlock). */
const KINDS: ReadonlyMap<string, BlockKind> = new Map([
  ["text", "text"],
  ["thinking", "thinking"],
  ["redacted_thinking", "passive"],
  ["tool_use", "tool"],
  ["server_tool_use", "server"],
  ["mcp_tool_use", "server"],
  ["mcp_tool_result", "passive"],
  ["mcp_tool_listing", "passive"],
  ["web_search_tool_result", "passive"],
  ["web_fetch_tool_result", "passive"],
  ["code_execution_tool_result", "passive"],
  ["bash_code_execution_tool_result", "passive"],
  ["text_editor_code_execution_tool_result", "passive"],
  ["tool_search_tool_result", "passive"],
  ["advisor_tool_result", "passive"],
  ["container_upload", "passive"],
  ["compaction", "passive"],
  ["fallback", "passive"],
]);

/** Fields by which some API names or fills a call. */
const CALLS = new Set(["name", "input", "arguments", "partial_json", "function", "tool_calls", "call_id"]);
const CALL_TYPE = /tool|function|call/i;

/**
 * Undefined where it could be a call that newer clients run and that this gateway cannot read: the API may grow block
 * types, and one with a name and an input is held and decided like a tool call.
 */
export function blockKind(block: Record<string, unknown>): BlockKind | undefined {
  const { type } = block;
  if (typeof type !== "string") return undefined;
  const known = KINDS.get(type);
  if (known !== undefined) return known;
  if (typeof block.name === "string" && "input" in block) return "tool";
  // What a tool at the provider gave, whichever: the API names each such block after its tool.
  const mayCall = CALL_TYPE.test(type) && !type.endsWith("_tool_result");
  if (mayCall || Object.keys(block).some((key) => CALLS.has(key.toLowerCase()))) return undefined;
  return "passive";
}

const FILLING_TYPE = /tool|function|call|input|json/i;

/** Whether a delta of a kind that is not known could fill a call. */
export function mayFillCall(delta: Record<string, unknown>): boolean {
  return FILLING_TYPE.test(String(delta.type)) || Object.keys(delta).some((key) => CALLS.has(key.toLowerCase()));
}

/** By event: where its content is. The other kinds that are known bring none. */
const BRINGS: ReadonlyMap<unknown, string | undefined> = new Map([
  ["message_start", "message"],
  ["content_block_start", "content_block"],
  ["content_block_delta", "delta"],
  ["content_block_stop", undefined],
  ["message_delta", "delta"],
  ["message_stop", undefined],
  ["ping", undefined],
]);

/** Whether an event of a known kind has content beside its own, which a client might take from it. */
export function bringsMore(event: Record<string, unknown>): boolean {
  if (!BRINGS.has(event.type)) return false;
  const own = BRINGS.get(event.type);
  return Object.keys(event).some((key) => key !== own && (CONTENT.has(key) || key === "message"));
}

const CONTENT_TYPE = /message|block|delta|content/i;
const CONTENT = new Set([...CALLS, "content", "content_block", "delta"]);

/** Whether an event of a kind that is not known could bring content, or a call, to a client that does know it. */
export function mayBringContent(event: Record<string, unknown>): boolean {
  const left: unknown[] = [event];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value !== "object" || value === null) continue;
    for (const [key, item] of Object.entries(value)) {
      if (!Array.isArray(value) && CONTENT.has(key.toLowerCase())) return true;
      if (key === "type" && typeof item === "string" && (CONTENT_TYPE.test(item) || CALL_TYPE.test(item))) return true;
      left.push(item);
    }
  }
  return false;
}

/** Keys of events, messages and blocks by which clients go. Some readers (Go's encoding/json) know them in any case. */
export const FRAME_KEYS: ReadonlySet<string> = new Set([
  ...["type", "index", "message", "content", "content_block", "delta", "error", "stop_reason"],
  ...["id", "name", "input", "partial_json", "text", "thinking", "toolset_name", "server_name"],
]);
