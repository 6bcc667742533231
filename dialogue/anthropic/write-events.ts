import { splice, valueSpan } from "../json/spans.ts";

/** An event as the Messages API writes them; `json` holds no newline. */
export function sseEvent(name: string, json: string): Buffer {
  return Buffer.from(`event: ${name}\ndata: ${json}\n\n`);
}

/** What keeps a client waiting. */
export const PING = sseEvent("ping", '{"type":"ping"}');

/** The API refuses a history in which a text block holds nothing but space. */
export function textOr(text: string, otherwise: string): string {
  return text.trim() === "" ? otherwise : text;
}

/** A whole text block in the place of another. */
export function textBlock(index: number, text: string): Buffer {
  return Buffer.concat([
    sseEvent(
      "content_block_start",
      JSON.stringify({ type: "content_block_start", index, content_block: { type: "text", text: "" } }),
    ),
    sseEvent(
      "content_block_delta",
      JSON.stringify({ type: "content_block_delta", index, delta: { type: "text_delta", text } }),
    ),
    sseEvent("content_block_stop", JSON.stringify({ type: "content_block_stop", index })),
  ]);
}

/** A tool call's input in one piece. */
export function inputDelta(index: number, input: Record<string, unknown>): Buffer {
  return sseEvent(
    "content_block_delta",
    JSON.stringify({
      type: "content_block_delta",
      index,
      delta: { type: "input_json_delta", partial_json: JSON.stringify(input) },
    }),
  );
}

/** The JSON text of a message, or of its end, in which no call is left: the turn is over. */
export function withEndOfTurn(json: string, path: string[]): string {
  const span = valueSpan(json, path);
  return span === undefined ? json : splice(json, [{ ...span, text: '"end_turn"' }]);
}
