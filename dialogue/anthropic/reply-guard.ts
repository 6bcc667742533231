import { isObject } from "../json/strict-json.ts";
import { BrokenReply } from "../sse/broken-reply.ts";
import type { EventGuard } from "../sse/event-guard.ts";
import type { SseEvent } from "../sse/sse-reader.ts";
import type { ReplyHooks, ReplySummary, ToolCall, ToolCallVerdict } from "../types.ts";
import { type BlockKind, blockKind, mayBringContent, mayFillCall } from "./blocks.ts";
import { DeltaShape } from "./delta-shape.ts";
import { anthropicErrorEvent, anthropicErrorType } from "./errors.ts";
import { HeldCall } from "./held-call.ts";
import { readEvent } from "./read-event.ts";
import { ReplyQueue } from "./reply-queue.ts";
import { SummaryBuilder } from "./summary.ts";
import { undecided } from "./tool-input.ts";
import { PING } from "./write-events.ts";

export interface ReplyLimits {
  /** Bytes of the input of all tool calls of a reply: 10 MiB where absent. */
  argumentBytes?: number;
  /** Bytes of the events that are held back for one call, whose deltas are of a few characters each: 64 MiB where absent. */
  heldBytes?: number;
  /** Characters of text, and of thinking, that the summary keeps: 1 Mi where absent. */
  textKept?: number;
}

/** Blocks of one message. Models write tens. */
export const BLOCKS_LIMIT = 10_000;

/**
 * A streamed reply of the Messages API, event by event: words pass, and a tool call is held back from its
 * content_block_start to its content_block_stop, then released byte for byte, replaced by text, or rewritten.
 *
 * Strict about order, because clients are not: @anthropic-ai/sdk appends each started block whatever its index, takes
 * the content that a message_start brings, and hands out the newest block at each stop (MessageStream.ts). And about
 * names: it goes by `event` for pings and errors, and by the data's `type` for all else.
 */
export class ReplyGuard implements EventGuard {
  readonly ping = PING;
  ended = false;
  readonly #limits: Required<ReplyLimits>;
  readonly #builder: SummaryBuilder;
  readonly #queue: ReplyQueue;
  #state: "before" | "message" | "closing" | "stopped" = "before";
  #blocks = 0;
  #open: BlockKind | undefined;
  #held: HeldCall | undefined;
  /** Of the open block's events that bring its words, once one was read. */
  #shape: DeltaShape | undefined;
  #argumentBytes = 0;
  /** Whether it was told that the reply is whole. */
  #told = false;
  readonly #ids = new Set<string>();

  constructor(limits: ReplyLimits = {}, kept?: ReplyHooks["kept"], thought?: ReplyHooks["thought"]) {
    const { argumentBytes = 10 * 1024 * 1024, heldBytes = 64 * 1024 * 1024, textKept = 1024 * 1024 } = limits;
    this.#limits = { argumentBytes, heldBytes, textKept };
    this.#builder = new SummaryBuilder(textKept, kept, thought);
    this.#queue = new ReplyQueue((call, verdict) => this.#builder.call(call, verdict));
  }

  get summary(): ReplySummary {
    return this.#builder.summary;
  }

  get waiting(): boolean {
    return this.#held !== undefined || this.#queue.waiting;
  }

  get undecided(): boolean {
    return this.#queue.undecided;
  }

  take(): Uint8Array[] {
    const pieces = this.#queue.take();
    if (this.#state === "stopped" && !this.#told && !this.waiting) {
      this.#told = true;
      this.#builder.whole();
    }
    return pieces;
  }

  error(message: string, status: number): Uint8Array {
    return anthropicErrorEvent(anthropicErrorType(status), message);
  }

  read(event: SseEvent): ToolCall[] {
    if (event.data === undefined) return this.#pass(event, event.event !== "error");
    if (this.#state === "stopped") return this.#afterwards(event);
    if (this.#isMoreWords(event)) return this.#pass(event);
    const data = readEvent(event);
    switch (event.event) {
      case "message_start":
        return this.#messageStart(event, data);
      case "content_block_start":
        return this.#blockStart(event, data);
      case "content_block_delta":
        return this.#blockDelta(event, data);
      case "content_block_stop":
        return this.#blockStop(event, data);
      case "message_delta":
        return this.#messageDelta(event, data);
      case "message_stop":
        this.#expect(this.#open === undefined, "it ended within a block");
        this.#expect(this.#state !== "before", "it ended before it began");
        this.#state = "stopped";
        return this.#pass(event);
      case "error":
        return this.#providerError(event, data);
      case "ping":
        return this.#pass(event);
      default:
        return this.#pass(event, !mayBringContent(data));
    }
  }

  settle(call: ToolCall, verdict: ToolCallVerdict): void {
    this.#queue.settle(call.id, verdict);
  }

  fail(call: ToolCall, error: unknown): void {
    this.#queue.fail(call.id, error);
  }

  end(): void {
    this.#expect(this.#state === "stopped", "it ended before message_stop");
    this.ended = true;
  }

  #expect(holds: boolean, otherwise: string): asserts holds {
    if (!holds) throw new BrokenReply(otherwise);
  }

  /** The event's bytes go out as they are, or wait behind the call that is held. */
  #pass(event: SseEvent, known = true): ToolCall[] {
    this.#expect(known, "it has an event that could bring content, of a kind that the gateway does not know");
    if (this.#held === undefined) this.#queue.pass(event.bytes);
    else this.#hold(this.#held, event);
    return [];
  }

  #hold(held: HeldCall, event: SseEvent): void {
    held.add(event.bytes);
    this.#expect(held.bytes <= this.#limits.heldBytes, `a tool call takes more than ${this.#limits.heldBytes} bytes`);
  }

  #messageStart(event: SseEvent, data: Record<string, unknown>): ToolCall[] {
    this.#expect(this.#state === "before", "it began twice");
    const { message } = data;
    this.#expect(isObject(message), "its message_start has no message");
    const { content } = message;
    this.#expect(Array.isArray(content) && content.length === 0, "its message_start brings content");
    this.#state = "message";
    this.#builder.message(message, true);
    return this.#pass(event);
  }

  #blockStart(event: SseEvent, data: Record<string, unknown>): ToolCall[] {
    this.#expect(this.#state === "message", "a block begins outside the message");
    this.#expect(this.#open === undefined, "a block begins within another");
    this.#expect(data.index === this.#blocks, "its blocks are not in order");
    this.#expect(++this.#blocks <= BLOCKS_LIMIT, `it has more than ${BLOCKS_LIMIT} blocks`);
    const block = data.content_block;
    this.#expect(isObject(block), "a block has no content_block");
    this.#open = blockKind(block);
    this.#expect(this.#open !== undefined, "a block may be a tool call of a kind that the gateway does not know");
    if (this.#open === "text") this.#builder.text(block.text);
    else if (this.#open === "thinking") this.#builder.thinking(block.thinking);
    else this.#builder.apart();
    if (this.#open === "server") this.#builder.serverTool(block);
    if (this.#open === "passive") this.#builder.files(block);
    if (this.#open === "tool") this.#beginCall(event, block);
    return this.#pass(event);
  }

  #beginCall(event: SseEvent, block: Record<string, unknown>): void {
    const held = HeldCall.begin(event, block, this.#blocks - 1);
    this.#expect(held !== undefined, "a tool call has no usable name or id");
    this.#expect(!this.#ids.has(held.id), "two tool calls have one id");
    this.#ids.add(held.id);
    this.#held = held;
  }

  #blockDelta(event: SseEvent, data: Record<string, unknown>): ToolCall[] {
    this.#expect(
      this.#open !== undefined && data.index === this.#blocks - 1,
      "a delta is for a block that is not open",
    );
    const { delta } = data;
    this.#expect(isObject(delta), "a delta is empty");
    if (this.#held !== undefined) {
      this.#argumentBytes += this.#held.delta(delta);
      const { argumentBytes } = this.#limits;
      this.#expect(
        this.#argumentBytes <= argumentBytes,
        `its tool calls have more than ${argumentBytes} bytes of input`,
      );
    } else if (delta.type === "text_delta") {
      if (this.#open === "text") this.#words(event, delta, delta.text);
    } else if (delta.type === "thinking_delta") {
      if (this.#open === "thinking") this.#words(event, delta, delta.thinking);
    } else {
      this.#expect(this.#open === "server" || !mayFillCall(delta), "a block that is no tool call gets input");
    }
    return this.#pass(event);
  }

  #words({ data = "" }: SseEvent, delta: Record<string, unknown>, words: unknown): void {
    this.#shape ??= DeltaShape.of(data, delta);
    this.#say(words);
  }

  #say(words: unknown): void {
    if (this.#open === "text") this.#builder.text(words);
    else this.#builder.thinking(words);
  }

  /** Whether it is one more event of the open block like one before it, but for its words. */
  #isMoreWords({ event, data = "", dataLines }: SseEvent): boolean {
    if (this.#shape === undefined || event !== "content_block_delta" || dataLines !== 1) return false;
    const words = this.#shape.words(data);
    if (words === undefined) return false;
    this.#say(words);
    return true;
  }

  #blockStop(event: SseEvent, data: Record<string, unknown>): ToolCall[] {
    this.#expect(this.#open !== undefined && data.index === this.#blocks - 1, "a block that is not open ends");
    if (this.#open === "thinking") this.#builder.thought();
    this.#open = undefined;
    this.#shape = undefined;
    this.#pass(event);
    const held = this.#held;
    if (held === undefined) return [];
    this.#held = undefined;
    const { call, why } = held.whole();
    this.#queue.hold(held, call);
    if (why === undefined) return [call];
    this.#queue.settle(call.id, { effect: "replace", text: undecided(why) });
    return [];
  }

  #messageDelta(event: SseEvent, data: Record<string, unknown>): ToolCall[] {
    this.#expect(this.#state === "message" || this.#state === "closing", "a message_delta is outside the message");
    this.#expect(this.#open === undefined, "a message_delta is within a block");
    const { delta } = data;
    this.#expect(isObject(delta) && !("content" in delta), "a message_delta is empty, or brings content");
    this.#state = "closing";
    this.#builder.usage(data.usage);
    this.#builder.container(delta.container);
    this.#builder.stopReason(delta.stop_reason);
    if (delta.stop_reason === "tool_use") this.#queue.passEnd(event);
    else this.#pass(event);
    return [];
  }

  /** What the provider says went wrong goes out as it is; what was held does not. */
  #providerError(event: SseEvent, data: Record<string, unknown>): ToolCall[] {
    const type = isObject(data.error) && typeof data.error.type === "string" ? data.error.type : "";
    this.summary.broken = `the provider ended it: ${/^[a-z_]{1,64}$/.test(type) ? type : "error"}`;
    this.#held = undefined;
    this.ended = true;
    return this.#pass(event);
  }

  /** OpenAI's end of stream is sent by some that speak both dialects. */
  #afterwards(event: SseEvent): ToolCall[] {
    const done = event.data === "[DONE]" && event.event === "";
    this.#expect(done || (event.event === "ping" && readEvent(event) !== undefined), "it went on after message_stop");
    return this.#pass(event);
  }
}
