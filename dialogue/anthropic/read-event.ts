import { JsonError, parseStrictObject } from "../json/strict-json.ts";
import { BrokenReply } from "../sse/broken-reply.ts";
import type { SseEvent } from "../sse/sse-reader.ts";
import { bringsMore, FRAME_KEYS } from "./blocks.ts";

/** A frame is flat, and its own keys are the two upper levels: below them are contents, whose keys are their own. */
const FRAME = { foldDepth: 2, names: FRAME_KEYS, halves: true } as const;

/** The event's data, where all readers find the same in it and agree on what it is. */
export function readEvent(event: SseEvent): Record<string, unknown> {
  if (event.dataLines !== 1) throw new BrokenReply("an event has its data in several lines");
  let data: Record<string, unknown>;
  try {
    data = parseStrictObject(event.data ?? "", FRAME);
  } catch (error) {
    if (error instanceof JsonError) throw new BrokenReply(`of an event's data, ${error.message}`);
    throw error;
  }
  if (data.type !== event.event) throw new BrokenReply("an event's name and its data's type differ");
  if (bringsMore(data)) throw new BrokenReply("an event brings content of another kind than its own");
  return data;
}
