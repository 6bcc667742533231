import { isObject } from "../json/strict-json.ts";
import { isFlag, isText, type JsonObject, modelsOf, optional } from "../request-json.ts";
import type { ModelRequest } from "../types.ts";
import { readMcpServers } from "./request-tools.ts";

/** Who the client says that it is, or acts for. */
function userId(root: JsonObject): { userId?: string } {
  const metadata = optional(root, "metadata", isObject) ?? {};
  const claim = [root.safety_identifier, root.user, metadata.user_id].find(isText);
  return claim === undefined ? {} : { userId: claim };
}

/** Models beside `model` that the provider may use: fallbacks of routers, and those of tools. */
function otherModels(root: JsonObject, tools: readonly JsonObject[]): { otherModels?: string[] } {
  const fallbacks: unknown[] = Array.isArray(root.models) ? root.models : [];
  return modelsOf([...fallbacks, ...tools.map(({ model }) => model)]);
}

/** What both dialects say alike. */
export function eitherDialect(
  root: JsonObject,
  tools: readonly JsonObject[],
): Pick<ModelRequest, "stream" | "mcpServers" | "userId" | "otherModels"> {
  const stream = optional(root, "stream", isFlag) ?? false;
  return { stream, mcpServers: readMcpServers(tools), ...userId(root), ...otherModels(root, tools) };
}

/** The words of messages of a person's. */
export function promptOf(messages: readonly JsonObject[]): string {
  const words = messages.map(({ content }) => wordsOf(content));
  return words.filter(Boolean).join("\n\n");
}

/** The text of a message, or of a tool's result: a string, or its parts. */
export function wordsOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const texts = content.flatMap((part) => (isObject(part) && typeof part.text === "string" ? [part.text] : []));
  return texts.join("\n");
}
