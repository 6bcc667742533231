import { Refusal } from "../../base/errors.ts";
import type { KnownValues } from "../../engine/mask/known-values.ts";

/** Stands where a value was. It needs no escape in JSON, and is no base64 of anything. */
const PLACEHOLDER = Buffer.from("[redacted by sallyport]");

/**
 * A prompt without the values that its session must not see, whatever they are encoded as. `count` is how many were taken out.
 * Throws Refusal `unmaskable` where the session knows more than can be looked for.
 */
export async function redactPrompt(
  body: Buffer,
  known: readonly KnownValues[],
): Promise<{ body: Buffer; count: number }> {
  let clean = body;
  let count = 0;
  for (const values of known) {
    if (!values.complete) {
      throw new Refusal("unmaskable", "this session has seen more secret values than can be looked for in a prompt", {
        next: "Begin a new session.",
      });
    }
    const spans = values.mayStandIn(clean) ? values.find(clean, true) : [];
    if (spans.length === 0) continue;
    count += spans.length;
    const parts: Buffer[] = [];
    let at = 0;
    for (const { start, end } of spans) {
      parts.push(clean.subarray(at, start), PLACEHOLDER);
      at = end;
    }
    clean = Buffer.concat([...parts, clean.subarray(at)]);
  }
  return { body: clean, count };
}
