import { splice, valueSpan } from "../json/spans.ts";
import { isObject } from "../json/strict-json.ts";
import type { SseEvent } from "../sse/sse-reader.ts";
import type { ToolCall, ToolCallVerdict } from "../types.ts";
import { readCall, readInput, unknownKey } from "./tool-input.ts";
import { inputDelta, sseEvent, textBlock, textOr } from "./write-events.ts";

/** A streamed tool call from its content_block_start on, held back until it is whole and decided. */
export class HeldCall {
  /** Of the events so far. */
  bytes = 0;
  readonly #start: SseEvent;
  readonly #call: Omit<ToolCall, "text">;
  /** The input that the block began with, as text; empty where it is `{}`, as it is to be. */
  readonly #begunWith: string;
  readonly #events: Uint8Array[] = [];
  readonly #input: string[] = [];
  #why: string | undefined;

  private constructor(start: SseEvent, call: Omit<ToolCall, "text">, begunWith: string, why: string | undefined) {
    this.#start = start;
    this.#call = call;
    this.#begunWith = begunWith;
    this.#why = why;
  }

  /** Undefined where the block has no usable name or id. */
  static begin(start: SseEvent, block: Record<string, unknown>, index: number): HeldCall | undefined {
    const call = readCall(block, index);
    if (call === undefined) return undefined;
    const { input } = block;
    const empty = (input ?? "") === "" || (isObject(input) && Object.keys(input).length === 0);
    const span = empty ? undefined : valueSpan(start.data ?? "", ["content_block", "input"]);
    const begunWith = span === undefined ? "" : (start.data ?? "").slice(span.start, span.end);
    return new HeldCall(start, call, begunWith, unknownKey(block));
  }

  get id(): string {
    return this.#call.id;
  }

  add(bytes: Uint8Array): void {
    this.#events.push(bytes);
    this.bytes += bytes.length;
  }

  /** Bytes of input that the delta brings. */
  delta(delta: Record<string, unknown>): number {
    if (delta.type !== "input_json_delta" || typeof delta.partial_json !== "string") {
      this.#why ??= "its input came in a form that the gateway does not know";
      return 0;
    }
    this.#input.push(delta.partial_json);
    return Buffer.byteLength(delta.partial_json);
  }

  /** The call, once its block has ended; `why` it cannot be decided. */
  whole(): { call: ToolCall; why?: string } {
    const streamed = this.#input.join("");
    // Clients differ: @anthropic-ai/sdk drops what the block began with at the first delta, even an empty one.
    const twice = this.#begunWith !== "" && this.#input.length > 0;
    const call = { ...this.#call, text: streamed === "" ? this.#begunWith : streamed };
    if (this.#why !== undefined) return { call, why: this.#why };
    if (twice) return { call, why: "its input came twice" };
    const input = readInput(call.text);
    return "why" in input ? { call, why: input.why } : { call: { ...call, arguments: input.arguments } };
  }

  /** The bytes that stand for the call after the verdict. */
  settled(verdict: ToolCallVerdict): Uint8Array[] {
    const { index } = this.#call;
    switch (verdict.effect) {
      case "release":
        return this.#events;
      case "replace":
        return [textBlock(index, textOr(verdict.text, "The gateway refused a tool call."))];
      case "rewrite":
        return [this.#emptyStart(), inputDelta(index, verdict.arguments), this.#stop()];
      default:
        throw new Error("there is no such verdict");
    }
  }

  #emptyStart(): Uint8Array {
    const data = this.#start.data ?? "";
    const span = this.#begunWith === "" ? undefined : valueSpan(data, ["content_block", "input"]);
    return span === undefined
      ? this.#start.bytes
      : sseEvent("content_block_start", splice(data, [{ ...span, text: "{}" }]));
  }

  #stop(): Uint8Array {
    const { index } = this.#call;
    return sseEvent("content_block_stop", JSON.stringify({ type: "content_block_stop", index }));
  }
}
