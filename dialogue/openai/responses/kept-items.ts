import { isObject } from "../../json/strict-json.ts";
import type { Kept } from "../../types.ts";
import type { JsonObject } from "../fields.ts";

/** Providers' own are some sixty characters. */
const ID = 512;

function isId(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= ID;
}

/** What a provider keeps of an item of a reply, for later requests to name. */
export function keptOf({ type, id, container_id: container, environment }: JsonObject): Kept[] {
  const kept: Kept[] = isId(id) ? [{ kind: "item", id }] : [];
  if (isId(id) && type === "mcp_approval_request") kept.push({ kind: "approval request", id });
  const shell = type === "shell_call" && isObject(environment) ? environment.container_id : undefined;
  for (const each of [type === "code_interpreter_call" ? container : undefined, shell]) {
    if (isId(each)) kept.push({ kind: "container", id: each });
  }
  return kept;
}
