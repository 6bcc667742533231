/** Recorded-like replies (test/dialogue/streams/anthropic), ways to cut them, and what must come out of them. */
import { readdirSync, readFileSync } from "node:fs";
import { guardReplyStream } from "../../../dialogue/anthropic/reply-stream.ts";
import { type SseEvent, SseReader } from "../../../dialogue/sse/sse-reader.ts";
import type { ReplySummary, ToolCall, ToolCallVerdict } from "../../../dialogue/types.ts";

const FOLDER = new URL("../streams/anthropic/", import.meta.url);

export const STREAMS: { name: string; bytes: Buffer }[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".sse"))
  .sort()
  .map((file) => ({ name: file.replace(".sse", ""), bytes: readFileSync(new URL(file, FOLDER)) }));

export function stream(name: string): Buffer {
  const found = STREAMS.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no stream ${name}`);
  return found.bytes;
}

export function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** In two at every offset. */
export function* offsets(bytes: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

/** In pieces of every size. */
export function* sizes(bytes: Uint8Array): Generator<Uint8Array[]> {
  for (let size = 1; size <= bytes.length; size++) yield inPieces(bytes, size);
}

export type Decide = (call: ToolCall) => ToolCallVerdict | Promise<ToolCallVerdict>;

export async function* from(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
}

/** What the client gets, whole. */
export async function guarded(
  chunks: Iterable<Uint8Array>,
  decide: Decide,
  options: Parameters<typeof guardReplyStream>[2] = {},
): Promise<{ bytes: Buffer; summary: ReplySummary }> {
  const reply = guardReplyStream(from(chunks), { toolCall: async (call) => decide(call) }, options);
  const out: Uint8Array[] = [];
  for await (const piece of reply.bytes) out.push(piece);
  return { bytes: Buffer.concat(out), summary: await reply.summary };
}

export function eventsOf(bytes: Uint8Array): SseEvent[] {
  const reader = new SseReader();
  return [...reader.push(bytes), ...reader.end()];
}

/** An event as the gateway writes it. */
export function event(type: string, rest: Record<string, unknown> = {}): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
}

export const DENIED = "Not allowed here.";

/** What must come out where the calls at these places, counted from 0, are replaced: made from events, not by the guard. */
export function expected(bytes: Uint8Array, denied: (nth: number) => boolean): Buffer {
  const out: Uint8Array[] = [];
  let calls = 0;
  let left = 0;
  let skipping = false;
  for (const each of eventsOf(bytes)) {
    const data = each.data === undefined ? {} : JSON.parse(each.data);
    const type = data.content_block?.type;
    const call = each.event === "content_block_start" && (type === "tool_use" || type === "browser_tool_use");
    if (call && denied(calls++)) {
      skipping = true;
      const { index } = data;
      out.push(Buffer.from(event("content_block_start", { index, content_block: { type: "text", text: "" } })));
      out.push(Buffer.from(event("content_block_delta", { index, delta: { type: "text_delta", text: DENIED } })));
      out.push(Buffer.from(event("content_block_stop", { index })));
    } else if (call) left++;
    if (each.event === "message_delta" && data.delta.stop_reason === "tool_use" && left === 0 && calls > 0) {
      const json = each.data?.replace('"stop_reason":"tool_use"', '"stop_reason":"end_turn"');
      out.push(Buffer.from(`event: message_delta\ndata: ${json}\n\n`));
    } else if (!skipping) out.push(each.bytes);
    if (each.event === "content_block_stop") skipping = false;
  }
  return Buffer.concat(out);
}

/** What a reply's first event brings. */
export const BEGUN = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [],
  usage: { input_tokens: 1 },
};
