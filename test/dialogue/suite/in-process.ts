import type { ToolCall } from "../../../dialogue/types.ts";
import { DENIED, guarded, type Recorded, sameStream } from "./recorded.ts";

/** A stream that is cut in two at an offset, or in pieces of one size. */
export type Cut = { at: number } | { size: number };

export function cutInto(bytes: Buffer, cut: Cut): Buffer[] {
  if ("at" in cut) return [bytes.subarray(0, cut.at), bytes.subarray(cut.at)];
  const { size } = cut;
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/**
 * What is wrong with what comes out of the wire layer where the stream is cut so: its calls released, denied, and denied
 * with a provider that breaks off there. Empty where nothing is.
 */
export async function wrongAt(one: Recorded, at: number): Promise<string[]> {
  const wrong: string[] = [];
  const say = (what: string): void => void wrong.push(`${one.wire} ${one.name} at ${at}: ${what}`);
  const chunks = cutInto(one.bytes, { at });
  const released = await guarded(one.wire, chunks, () => ({ effect: "release" }));
  if (!sameStream(one.wire, released, one.released)) say("what was allowed did not arrive as it was");
  const asked: ToolCall[] = [];
  const denied = await guarded(one.wire, chunks, (call) => {
    asked.push(call);
    return { effect: "replace", text: DENIED };
  });
  if (!sameStream(one.wire, denied, one.denied)) say("what was denied is not what was to come in its place");
  const broken = await guarded(one.wire, chunks.slice(0, 1), () => ({ effect: "replace", text: DENIED }));
  for (const secret of asked.flatMap(secretsOf)) {
    if (denied.includes(secret)) say(`a denied call shows ${secret}`);
    if (broken.includes(secret)) say(`a call of a reply that was cut off shows ${secret}`);
  }
  return wrong;
}

/** What only a client that was given the call may know of it, as JSON has it. */
function secretsOf({ id, text }: ToolCall): string[] {
  return [id, text].filter((each) => each.length > 4).flatMap((each) => [each, JSON.stringify(each).slice(1, -1)]);
}
