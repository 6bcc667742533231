/** Replies as providers stream them (test/dialogue/streams/openai-*), ways to cut them, and what comes out. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { guardChatStream } from "../../../dialogue/openai/chat/stream.ts";
import type { GuardOptions } from "../../../dialogue/openai/guard-stream.ts";
import { guardResponsesStream } from "../../../dialogue/openai/responses/stream.ts";
import { SseReader } from "../../../dialogue/sse/sse-reader.ts";
import type { ReplyHooks, ReplySummary, ToolCall, ToolCallVerdict } from "../../../dialogue/types.ts";

export type Name = "openai-chat" | "openai-responses";

export const GUARDS = { "openai-chat": guardChatStream, "openai-responses": guardResponsesStream };
export const DIALECTS: Name[] = ["openai-chat", "openai-responses"];
/** The stream of a dialect that `npm test` cuts at every offset. */
export const CUT_EVERYWHERE = "short";

const folder = (dialect: Name): URL => new URL(`../streams/${dialect}/`, import.meta.url);

export function stream(dialect: Name, name: string): Buffer {
  return readFileSync(new URL(`${name}.sse`, folder(dialect)));
}

export function streamNames(dialect: Name): string[] {
  const files = readdirSync(folder(dialect)).filter((file) => file.endsWith(".sse") && !file.endsWith(".denied.sse"));
  return files.map((file) => file.replace(".sse", "")).sort();
}

/** What the client gets where every call is denied; the stream itself where it has none. */
export function deniedStream(dialect: Name, name: string): Buffer {
  const file = new URL(`${name}.denied.sse`, folder(dialect));
  return existsSync(file) ? readFileSync(file) : stream(dialect, name);
}

export function inPieces(bytes: Uint8Array, size: number): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

/** In two at every offset. */
export function* atEveryOffset(bytes: Uint8Array): Generator<Uint8Array[]> {
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

export async function* from(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield chunk;
}

export type Decide = (call: ToolCall) => ToolCallVerdict | Promise<ToolCallVerdict>;

export const DENIED = "Not allowed here.";
export const release: Decide = () => ({ effect: "release" });
export const deny: Decide = () => ({ effect: "replace", text: DENIED });

export interface Guarded {
  bytes: Buffer;
  summary: ReplySummary;
  asked: ToolCall[];
}

/** The whole of what the client gets. */
export async function guarded(
  dialect: Name,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  decide: Decide,
  options: GuardOptions & Pick<ReplyHooks, "pingMs"> = {},
): Promise<Guarded> {
  const asked: ToolCall[] = [];
  const toolCall = async (call: ToolCall): Promise<ToolCallVerdict> => {
    asked.push(call);
    return decide(call);
  };
  const { pingMs, ...rest } = options;
  const upstream = Symbol.asyncIterator in chunks ? chunks : from(chunks);
  const reply = GUARDS[dialect](upstream, { toolCall, ...(pingMs === undefined ? {} : { pingMs }) }, rest);
  const out: Uint8Array[] = [];
  for await (const piece of reply.bytes) out.push(piece);
  return { bytes: Buffer.concat(out), summary: await reply.summary, asked };
}

/** The data of the events of a stream, parsed; `[DONE]` and comments are left out. */
export function dataOf(bytes: Uint8Array): Record<string, unknown>[] {
  const reader = new SseReader();
  const events = [...reader.push(bytes), ...reader.end()];
  return events.flatMap(({ data }) => (data === undefined || data === "[DONE]" ? [] : [JSON.parse(data)]));
}
