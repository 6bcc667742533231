import type { SseEvent } from "../sse/sse-reader.ts";
import type { ToolCall, ToolCallVerdict } from "../types.ts";
import type { HeldCall } from "./held-call.ts";
import { sseEvent, withEndOfTurn } from "./write-events.ts";

/** A call that is whole, in its place. `bytes`: what stands for it, once that is known. */
interface Held {
  call: ToolCall;
  held: HeldCall;
  verdict?: ToolCallVerdict;
  bytes?: Uint8Array[];
  failed?: { error: unknown };
}

type Item = { pass: Uint8Array } | { end: SseEvent } | Held;

/** What of a streamed reply goes out, in order: nothing overtakes a call that is undecided. */
export class ReplyQueue {
  readonly #settled: (call: ToolCall, verdict: ToolCallVerdict) => void;
  #items: Item[] = [];
  readonly #undecided = new Map<string, Held>();
  #left = 0;
  #replaced = 0;

  /** `settled` hears of each call in its turn. */
  constructor(settled: (call: ToolCall, verdict: ToolCallVerdict) => void) {
    this.#settled = settled;
  }

  get waiting(): boolean {
    return this.#items.length > 0;
  }

  get undecided(): boolean {
    return this.#undecided.size > 0;
  }

  pass(bytes: Uint8Array): void {
    this.#items.push({ pass: bytes });
  }

  /** The message_delta that says that the message ends in tool calls: whether it does is known in its turn. */
  passEnd(event: SseEvent): void {
    this.#items.push({ end: event });
  }

  hold(held: HeldCall, call: ToolCall): void {
    const item = { held, call };
    this.#items.push(item);
    this.#undecided.set(call.id, item);
  }

  /** Throws where the verdict is none. */
  settle(id: string, verdict: ToolCallVerdict): void {
    const item = this.#undecided.get(id);
    if (item === undefined) throw new Error("there is no such call to settle");
    item.bytes = item.held.settled(verdict);
    item.verdict = verdict;
    this.#undecided.delete(id);
  }

  fail(id: string, error: unknown): void {
    const item = this.#undecided.get(id);
    if (item !== undefined) item.failed = { error };
    this.#undecided.delete(id);
  }

  /** Bytes whose turn has come. Throws what a call failed with, once what stood before it was taken. */
  take(): Uint8Array[] {
    const out: Uint8Array[] = [];
    let done = 0;
    for (const item of this.#items) {
      if (!this.#release(item, out)) break;
      done++;
    }
    if (done > 0) this.#items = this.#items.slice(done);
    const [first] = this.#items;
    if (out.length === 0 && first !== undefined && "failed" in first && first.failed) throw first.failed.error;
    return out;
  }

  #release(item: Item, out: Uint8Array[]): boolean {
    if ("pass" in item) out.push(item.pass);
    else if ("end" in item) out.push(this.#end(item.end));
    else if (item.bytes === undefined || item.verdict === undefined) return false;
    else {
      // One by one: a call that came letter by letter has more pieces than a function takes arguments.
      for (const bytes of item.bytes) out.push(bytes);
      this.#settled(item.call, item.verdict);
      if (item.verdict.effect === "replace") this.#replaced++;
      else this.#left++;
    }
    return true;
  }

  #end(event: SseEvent): Uint8Array {
    if (this.#left > 0 || this.#replaced === 0) return event.bytes;
    return sseEvent("message_delta", withEndOfTurn(event.data ?? "", ["delta", "stop_reason"]));
  }
}
