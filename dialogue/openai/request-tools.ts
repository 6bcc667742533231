import { isObject } from "../json/strict-json.ts";
import { isText, list, optional, refuse, refuseLookalikes, required } from "../request-json.ts";
import type { ModelRequest } from "../types.ts";
import type { JsonObject } from "./fields.ts";

type Tool = ModelRequest["tools"][number];

/** Tools whose calls come to the client, which runs them (Tool of `openai` 7.57). All others run at the provider. */
const CLIENT = new Set(["function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview"]);

/** In which environment a shell runs is the provider's choice where the request does not say `local`. */
function runsAtProvider(tool: JsonObject, type: string): boolean {
  if (type === "shell") return !(isObject(tool.environment) && tool.environment.type === "local");
  if (type === "tool_search") return tool.execution !== "client";
  return !CLIENT.has(type);
}

/** Members of a tool by which it is judged. */
const NAMES = new Set([
  ...["type", "name", "function", "custom", "tools", "environment", "execution", "container", "model"],
  ...["server_label", "server_url", "connector_id", "tunnel_id"],
]);

/** The tools that an entry of `tools` declares: one, or those of a namespace. */
export function readTools(tool: JsonObject): Tool[] {
  const type = required(refuseLookalikes(tool, NAMES), "type", isText);
  if (type === "namespace") return list(tool, "tools").flatMap(readTools);
  if (type === "mcp") return [{ name: required(tool, "server_label", isText), type, server: true }];
  const server = runsAtProvider(tool, type);
  if (type !== "function" && type !== "custom") return [{ name: isText(tool.name) ? tool.name : type, type, server }];
  // chat/completions has the name within, responses beside.
  const within = optional(tool, type, isObject) ?? tool;
  return [{ name: isText(within.name) ? within.name : refuse("a tool has no name"), type, server }];
}

/** Servers that the provider would call for tools; a connector or tunnel of the provider's own has no URL. */
export function readMcpServers(tools: readonly JsonObject[]): ModelRequest["mcpServers"] {
  return tools
    .filter(({ type }) => type === "mcp")
    .map((tool) => {
      const name = required(tool, "server_label", isText);
      const { server_url: url, connector_id: connector, tunnel_id: tunnel } = tool;
      if (isText(url)) return { name, url };
      if (isText(connector)) return { name, url: `connector:${connector}` };
      return { name, url: isText(tunnel) ? `tunnel:${tunnel}` : refuse("an MCP server has no `server_url`") };
    });
}
