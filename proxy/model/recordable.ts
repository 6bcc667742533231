import { RecordedTexts } from "../withhold/recorded-texts.ts";
import type { ModelDeps } from "./deps.ts";

/** Ids of tool calls are the provider's. */
export const MAX_ID = 256;
/** Characters of one text that are kept. */
const MAX_TEXT = 1_048_576;

export function isKept(level: string): boolean {
  return level === "Request" || level === "RequestResponse";
}

/** A text of a dialogue as its record may have it: without what its session must not see, and without credentials. */
export function recordable(
  text: string,
  sessionId: string,
  { knownValues, recordValues }: Pick<ModelDeps, "knownValues" | "recordValues">,
): string {
  const known = [...knownValues.known(sessionId), ...recordValues.known(sessionId)];
  return new RecordedTexts(known).text(text.slice(0, MAX_TEXT), true);
}
