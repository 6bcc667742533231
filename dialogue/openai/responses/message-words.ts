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

/** What a model says of its reasoning: the summary of it, or the whole. */
export function reasoningWords(item: Record<string, unknown>): string {
  return reasoningTexts(item).join("\n\n");
}

/** The same in the pieces in which the client has it. */
export function reasoningTexts(item: Record<string, unknown>): string[] {
  const parts = [item.summary, item.content].flatMap((list) => (Array.isArray(list) ? list : []));
  return parts.flatMap((part) => (isObject(part) && typeof part.text === "string" ? [part.text] : []));
}
