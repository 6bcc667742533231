import { isObject } from "../../json/strict-json.ts";
import type { JsonObject } from "../fields.ts";

/** What a message, or a piece of one, says to a client: its words, refusals and speech among them, and its thinking. */
export interface Words {
  said: string;
  thought: string;
}

export function wordsOf(message: JsonObject): Words {
  const { content, refusal, audio, reasoning_content, reasoning } = message;
  const parts = Array.isArray(content) ? content.filter(isObject) : [];
  const said = [content, ...parts.flatMap(({ text, refusal }) => [text, refusal]), refusal];
  if (isObject(audio)) said.push(audio.transcript);
  // Mistral's models think in parts of the content.
  const thoughts = parts.flatMap(({ thinking }) =>
    Array.isArray(thinking) ? thinking.filter(isObject) : [{ text: thinking }],
  );
  return { said: joined(said), thought: joined([reasoning_content, reasoning, ...thoughts.map(({ text }) => text)]) };
}

function joined(texts: readonly unknown[]): string {
  return texts.filter((text) => typeof text === "string").join("");
}
