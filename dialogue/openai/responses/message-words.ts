import { isObject } from "../../json/strict-json.ts";

/** The assistant's words in a message, refusals among them. */
export function messageWords(item: Record<string, unknown>): string {
  if (!Array.isArray(item.content)) return "";
  return item.content
    .map((part: unknown) => {
      if (!isObject(part)) return "";
      const words = part.type === "refusal" ? part.refusal : part.text;
      return typeof words === "string" ? words : "";
    })
    .join("");
}
