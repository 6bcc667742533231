import { fold } from "./json/strict-json.ts";
import type { Kept } from "./types.ts";

/** Members by which the APIs name what they keep, wherever in a message, an item or a tool they stand. */
const KINDS: ReadonlyMap<string, Kept["kind"]> = new Map([
  ["file_id", "file"],
  ["file_ids", "file"],
  ["container_id", "container"],
  ["skill_id", "skill"],
  ["vector_store_ids", "vector store"],
]);

const ID = /id[s\u017f]?$/i;

/**
 * What a value of a request names of what its provider keeps, at any depth. `except`: members in which everything is the
 * client's, the model's or a tool's own word, such as the arguments of a call.
 */
export function keptIds(value: unknown, except: ReadonlySet<string>): Kept[] {
  const found: Kept[] = [];
  const left: unknown[] = [value];
  while (left.length > 0) {
    const next = left.pop();
    if (Array.isArray(next)) for (const item of next) left.push(item);
    else if (typeof next === "object" && next !== null) {
      const object = next as Record<string, unknown>;
      for (const key of Object.keys(object)) {
        const member = object[key];
        // A key is an id's where it ends in one, in whatever case; most have some other end.
        const kind = ID.test(key) ? KINDS.get(fold(key)) : undefined;
        if (kind !== undefined) for (const id of textsOf(member)) found.push({ kind, id });
        else if (typeof member === "object" && !except.has(key)) left.push(member);
      }
    }
  }
  return found;
}

function textsOf(value: unknown): string[] {
  const all: unknown[] = Array.isArray(value) ? value : [value];
  return all.filter((one) => typeof one === "string");
}
