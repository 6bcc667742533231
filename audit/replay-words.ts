import type { EventRow } from "./event.ts";
import { contentLines, type ReadContent, textLines } from "./replay-bodies.ts";
import { payloadOf } from "./stream-frames.ts";

/**
 * The words of an event of a dialogue, safe to print: what a person said and what a tool is called with (`>`), what the model
 * thought (`~`) and said, and what the tool gave (`<`). `content` absent: what stands in the event itself.
 */
export async function dialogueLines(
  event: EventRow,
  content: ReadContent | undefined,
  most: number,
): Promise<string[]> {
  const { kind, request_body, response_body, record_level } = event;
  const { prompt, text, continues } = payloadOf(event);
  const from = async (mark: string, digest: string, read?: (text: string) => string): Promise<string[]> =>
    digest === "" || content === undefined
      ? []
      : marked(mark, await contentLines(content(event, digest), digest, most, read));
  switch (kind) {
    case "dialogue.prompt":
      if (typeof prompt === "string" && prompt !== "") return marked(">", textLines(prompt, most));
      return continues === undefined && typeof prompt !== "string"
        ? [`  (its words are not on record: ${level(record_level)})`]
        : [];
    case "dialogue.reply":
      if (content === undefined || response_body === "")
        return typeof text === "string" && text !== "" ? marked("<", textLines(text, most)) : [];
      return [
        ...(await from("~", response_body, (json) => part(json, "thinking"))),
        ...(await from("<", response_body, (json) => part(json, "text"))),
      ].filter((line) => !/^ {2}[~<] $/.test(line));
    case "dialogue.tool_use":
      return from(">", request_body, argumentsOf);
    default:
      return from("<", request_body);
  }
}

const marked = (mark: string, lines: readonly string[]): string[] => lines.map((line) => `  ${mark} ${line}`);

const level = (name: string): string => (/^[A-Za-z]+$/.test(name) ? `level ${name}` : "no level");

function part(json: string, name: string): string {
  const value = objectOf(json)?.[name];
  return typeof value === "string" ? value : "";
}

/** `command: kubectl get pods`, a line for each argument, or the text as it is. */
function argumentsOf(json: string): string {
  const args = objectOf(json);
  if (args === undefined) return json;
  return Object.entries(args)
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join("\n");
}

function objectOf(json: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // cut at a cap, or altered: shown as it is
  }
}
