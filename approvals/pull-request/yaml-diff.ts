import { visible } from "../text.ts";
import type { Proposal } from "../types.ts";
import { inert } from "./safe-text.ts";

/**
 * What changes, as YAML with `-` for what is stored and `+` for what would be; lines of their own, with nothing in
 * them that could act or hide. For a code block: it is no Markdown.
 */
export function yamlDiff(changes: Proposal["changes"]): string {
  const side = (sign: string, path: string, value: unknown): string[] =>
    value === undefined ? [] : [inert(visible(`${sign} ${path === "" ? "(object)" : path}: ${JSON.stringify(value)}`))];
  return changes.flatMap(({ path, from, to }) => [...side("-", path, from), ...side("+", path, to)]).join("\n");
}
