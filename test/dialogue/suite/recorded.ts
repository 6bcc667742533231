/** The recorded streams of all dialects (test/dialogue/streams), with what a client gets of each. */
import { type SseEvent, SseReader } from "../../../dialogue/sse/sse-reader.ts";
import type { ToolCall, ToolCallVerdict } from "../../../dialogue/types.ts";
import * as anthropic from "../anthropic/streams.ts";
import * as openai from "../openai/streams.ts";

export type WireName = "anthropic" | "openai-chat" | "openai-responses";
export const WIRES: readonly WireName[] = ["anthropic", "openai-chat", "openai-responses"];

export interface Recorded {
  wire: WireName;
  name: string;
  bytes: Buffer;
  /** What comes out where each tool call is released: the stream itself, but for calls that never are whole. */
  released: Buffer;
  /** What comes out where each is denied, with DENIED in its place. */
  denied: Buffer;
}

export const { DENIED } = anthropic;
if (DENIED !== openai.DENIED) throw new Error("the streams' own denials differ");

/** Its call ends within its arguments, so that nobody is asked about it. */
const NEVER_WHOLE = "cut-off";

export const RECORDED: readonly Recorded[] = [
  ...anthropic.STREAMS.map(({ name, bytes }): Recorded => {
    const denied = anthropic.expected(bytes, () => true);
    return { wire: "anthropic", name, bytes, released: bytes, denied };
  }),
  ...openai.DIALECTS.flatMap((wire) =>
    openai.streamNames(wire).map((name): Recorded => {
      const bytes = openai.stream(wire, name);
      const denied = openai.deniedStream(wire, name);
      return { wire, name, bytes, released: name === NEVER_WHOLE ? denied : bytes, denied };
    }),
  ),
];

export function recorded(wire: WireName, name: string): Recorded {
  const found = RECORDED.find((one) => one.wire === wire && one.name === name);
  if (found === undefined) throw new Error(`no stream ${name} of ${wire}`);
  return found;
}

export type Decide = (call: ToolCall) => ToolCallVerdict;

/** What comes out of the wire layer alone, with no sockets. */
export async function guarded(wire: WireName, chunks: Iterable<Uint8Array>, decide: Decide): Promise<Buffer> {
  if (wire === "anthropic") return (await anthropic.guarded(chunks, decide)).bytes;
  return (await openai.guarded(wire, chunks, decide)).bytes;
}

export function eventsOf(bytes: Uint8Array): SseEvent[] {
  const reader = new SseReader();
  return [...reader.push(bytes), ...reader.end()];
}

/** The events before the first that a denial changes: nothing stands in their way, whatever is decided. */
export function freeEvents({ bytes, denied }: Recorded): Buffer[] {
  const events = eventsOf(bytes).map((event) => Buffer.from(event.bytes));
  let at = 0;
  const held = events.findIndex((event) => {
    const same = event.equals(denied.subarray(at, at + event.length));
    at += event.length;
    return !same;
  });
  return held === -1 ? events : events.slice(0, held);
}

/** Whether two streams say the same. Words overtake the undecided calls of other choices, so that their order may differ. */
export function sameStream(wire: WireName, given: Buffer, wanted: Buffer): boolean {
  if (given.equals(wanted)) return true;
  return wire === "openai-chat" && JSON.stringify(choicesOf(given)) === JSON.stringify(choicesOf(wanted));
}

interface Delta {
  content?: string | null;
  tool_calls?: { index: number; id?: string; function?: { name?: string; arguments?: string } }[];
}

/** Each choice as a client of chat/completions puts it together. */
function choicesOf(bytes: Buffer): unknown[] {
  const choices = new Map<number, { content: string; calls: string[]; ends: (string | null)[]; rest: unknown[] }>();
  for (const chunk of openai.dataOf(bytes)) {
    for (const one of (chunk.choices ?? []) as { index: number; delta: Delta; finish_reason: string | null }[]) {
      const choice = choices.get(one.index) ?? { content: "", calls: [], ends: [], rest: [] };
      choices.set(one.index, choice);
      const { content, tool_calls = [], ...rest } = one.delta;
      choice.content += content ?? "";
      for (const { index, id = "", ...call } of tool_calls) {
        choice.calls[index] =
          (choice.calls[index] ?? "") + id + (call.function?.name ?? "") + (call.function?.arguments ?? "");
      }
      if (one.finish_reason !== null) choice.ends.push(one.finish_reason);
      choice.rest.push(...Object.entries(rest));
    }
  }
  return [...choices].sort(([a], [b]) => a - b);
}
