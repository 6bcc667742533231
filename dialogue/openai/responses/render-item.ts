import type { ToolCallVerdict } from "../../types.ts";
import { sseEvent } from "../errors.ts";
import type { JsonObject } from "../fields.ts";
import { messageItem, rewriteItem, textKey } from "./items.ts";
import type { SequenceNumbers } from "./numbers.ts";

/** What the client sees of a call that was decided: the message in its place, or the call with other arguments. */
export function decidedItem(item: JsonObject, of: string, verdict: ToolCallVerdict): JsonObject {
  if (verdict.effect === "release") return item;
  return verdict.effect === "replace" ? messageItem(of, verdict.text) : rewriteItem(item, verdict.arguments);
}

interface Place {
  at: number;
  /** The number of the event in whose place the first one stands; undefined where the provider numbers none. */
  number: number | undefined;
  numbers: SequenceNumbers;
}

/** Events of the API with these data, one behind the other. */
function events(place: Place, data: readonly JsonObject[]): Uint8Array {
  const { number, numbers, at } = place;
  const parts = data.map(({ type, ...rest }, i) => {
    const sequence_number = number === undefined ? undefined : i === 0 ? numbers.take(number) : numbers.next();
    const numbered = sequence_number === undefined ? {} : { sequence_number };
    return sseEvent(String(type), { type, ...numbered, output_index: at, ...rest });
  });
  return Buffer.concat(parts);
}

/** A whole message, as it streams. */
export function messageEvents(place: Place, message: JsonObject): Uint8Array {
  const [part] = message.content as [JsonObject];
  const { text } = part;
  const of = { item_id: message.id, content_index: 0 };
  return events(place, [
    { type: "response.output_item.added", item: { ...message, status: "in_progress", content: [] } },
    { type: "response.content_part.added", ...of, part: { ...part, text: "" } },
    { type: "response.output_text.delta", ...of, delta: text, logprobs: [] },
    { type: "response.output_text.done", ...of, text, logprobs: [] },
    { type: "response.content_part.done", ...of, part },
    { type: "response.output_item.done", item: message },
  ]);
}

/** A whole call, as it streams. */
export function callEvents(place: Place, item: JsonObject): Uint8Array {
  const key = textKey(item.type);
  const begun = { ...item, ...("status" in item ? { status: "in_progress" } : {}) };
  const done: JsonObject = { type: "response.output_item.done", item };
  if (key === undefined || typeof item.id !== "string") {
    return events(place, [{ type: "response.output_item.added", item: begun }, done]);
  }
  const what = `response.${String(item.type)}_${key}`;
  const text = item[key];
  return events(place, [
    { type: "response.output_item.added", item: { ...begun, [key]: "" } },
    { type: `${what}.delta`, item_id: item.id, delta: text },
    { type: `${what}.done`, item_id: item.id, [key]: text },
    done,
  ]);
}
