import { isObject } from "../json/strict-json.ts";

/** The person's own words in a message: its text blocks, and not what tools or documents say. */
export function textOf(message: Record<string, unknown>): string {
  const { content } = message;
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  const texts = content.flatMap((block) => (isObject(block) && block.type === "text" ? [block.text] : []));
  return texts.filter((text) => typeof text === "string").join("\n\n");
}

/**
 * Everything that can be read in a tool's result: its text, and that of documents and search results within, at any
 * depth. Images and files that are only named have none.
 */
export function resultText(content: unknown): string {
  const texts: string[] = [];
  const left: unknown[] = [content];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value === "string") texts.push(value);
    else if (Array.isArray(value)) for (const item of [...value].reverse()) left.push(item);
    else if (isObject(value)) {
      const { text, title, context, content: inner, source } = value;
      const words = isObject(source) ? (source.type === "text" ? source.data : source.content) : source;
      left.push(...[title, context, words, text, inner].filter((each) => each !== undefined).reverse());
    }
  }
  return texts.filter((text) => text !== "").join("\n");
}
