import { isObject } from "../../json/strict-json.ts";
import type { Kept } from "../../types.ts";
import type { JsonObject } from "../fields.ts";

/** What the model says aloud, in a message or a piece of one: the provider keeps it, and a later message names it. */
export function keptAudio({ audio }: JsonObject): Kept[] {
  return isObject(audio) && typeof audio.id === "string" ? [{ kind: "audio", id: audio.id }] : [];
}
