import type { ModelRequest } from "../types.ts";

type Tool = ModelRequest["tools"][number];

/**
 * Families of tools of the API's own whose calls come to the client as `tool_use`, each with the date of a version
 * (@anthropic-ai/sdk 1.12, BetaClientToolUnion). All others, and what is not known yet, run at the provider: web_search,
 * web_fetch, code_execution, tool_search_tool_*, advisor, mcp_toolset.
 */
const CLIENT_TOOL = /^(?:bash|text_editor|computer|memory|computer_toolset|browser_toolset)_\d{8}$/;

/** A tool as a request declares it; undefined where it has no name, and should. */
export function readTool(tool: Record<string, unknown>): Tool | undefined {
  const { name, type, mcp_server_name: server } = tool;
  if (type === undefined || type === null || type === "custom") {
    return isWord(name) ? { name, type: "custom", server: false } : undefined;
  }
  if (!isWord(type)) return undefined;
  if (name !== undefined && !isWord(name)) return undefined;
  // A toolset's one entry stands for a family, and has no name of its own.
  return { name: name ?? (isWord(server) ? server : type), type, server: !CLIENT_TOOL.test(type) };
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
