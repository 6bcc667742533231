import { isObject } from "../../json/strict-json.ts";
import { isText, list, refuse } from "../../request-json.ts";
import type { ModelRequest } from "../../types.ts";
import type { JsonObject } from "../fields.ts";
import { wordsOf } from "../request-fields.ts";

type Result = ModelRequest["toolResults"][number];

/** What a client says of a call that it ran, or let run; nothing for any other item. */
export function toolResult(item: JsonObject): Result[] {
  const { type } = item;
  if (type === "mcp_approval_response") {
    const text = typeof item.reason === "string" ? item.reason : "";
    return [{ id: idOf(item.approval_request_id), text, isError: item.approve !== true }];
  }
  if (type === "shell_call_output") return [shellResult(item)];
  if (type === "tool_search_output" && item.execution !== "client") return [];
  if (typeof type !== "string" || !type.endsWith("_output") || type === "program_output") return [];
  // local_shell_call_output has the call's id as its own, and a function's may have its name alone.
  const id = [item.call_id, item.id, item.name].find(isText);
  return [
    { id: idOf(id), text: wordsOf(item.output), isError: item.status === "failed" || item.status === "incomplete" },
  ];
}

function shellResult(item: JsonObject): Result {
  const outputs = list(item, "output");
  const failed = ({ outcome }: JsonObject): boolean =>
    !isObject(outcome) || outcome.type !== "exit" || outcome.exit_code !== 0;
  const texts = outputs.flatMap(({ stdout, stderr }) => [stdout, stderr].filter(isText));
  return { id: idOf(item.call_id), text: texts.join("\n"), isError: outputs.some(failed) };
}

function idOf(id: unknown): string {
  return isText(id) ? id : refuse("a tool's result does not say of which call it is");
}
