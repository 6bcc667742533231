import { isObject } from "../../json/strict-json.ts";
import { BrokenReply, type GuardedReply } from "../../sse/guard-stream.ts";
import type { SseEvent } from "../../sse/sse-reader.ts";
import type { Kept, ReplyHooks, ReplySummary } from "../../types.ts";
import { responsesErrorEvents, sseEvent } from "../errors.ts";
import { type Edit, editEvent } from "../event-text.ts";
import { countOf, type JsonObject, listOf, readReplyObject, refuseLookalikes, textOf } from "../fields.ts";
import { type GuardOptions, guardStream, type ReplyReader, type Wire } from "../guard-stream.ts";
import type { Outlet } from "../outlet.ts";
import { ProviderFailed } from "../provider-failed.ts";
import { type PendingCall, ToolCalls } from "../tool-calls.ts";
import { isClosing, isOpening, mayBringCall } from "./events.ts";
import { HeldItem } from "./held-item.ts";
import { ITEM_NAMES, itemKind, placeName, readItemCall } from "./items.ts";
import { keptOf } from "./kept-items.ts";
import { reasoningTexts } from "./message-words.ts";
import { SequenceNumbers } from "./numbers.ts";
import { OutputItems } from "./output-items.ts";
import { callEvents, decidedItem, messageEvents } from "./render-item.ts";
import { ResponseRecord } from "./response-record.ts";
import { anotherCall, HeldCalls, isSameCall } from "./same-call.ts";

const KEEPALIVE_MS = 120_000;
const PING = Buffer.from(": ping\n\n");
const NOTHING = new Uint8Array(0);
const NAMES = new Set(["type", "item", "response", "output_index", "item_id", "delta", "arguments", "input", "error"]);

/**
 * Passes a stream of `responses` on. Everything passes as it comes, until an item that is a call begins: it waits until
 * it is whole and decided, and what comes behind it waits with it, since events are numbered.
 */
export function guardResponsesStream(
  upstream: AsyncIterable<Uint8Array>,
  hooks: ReplyHooks,
  options: GuardOptions = {},
): GuardedReply {
  return guardStream(upstream, hooks, { keepaliveMs: KEEPALIVE_MS, ...options }, (wire) => new ResponsesStream(wire));
}

/** Reads the events of a response. */
export class ResponsesStream implements ReplyReader {
  readonly #calls: ToolCalls;
  readonly #items: OutputItems;
  readonly #numbers = new SequenceNumbers();
  readonly #record = new ResponseRecord();
  readonly #hooks: ReplyHooks;
  /** Of items that are no calls, what the provider keeps. */
  readonly #kept: Kept[] = [];
  /** The provider's number of the event before; `null` where its numbers don't increase. */
  #before: number | null | undefined;
  #closed = false;

  constructor(wire: Wire) {
    this.#hooks = wire.hooks;
    this.#items = new OutputItems(wire.callBytes);
    this.#calls = new ToolCalls(wire.hooks, wire.decided, wire.failed);
  }

  event(event: SseEvent, outlet: Outlet): void {
    const { data } = event;
    if (data === undefined || (this.#closed && data === "[DONE]")) {
      outlet.pass(event.bytes);
      return;
    }
    if (this.#closed) throw new BrokenReply("the reply went on after its end");
    // Some clients read each line of data on its own.
    if (event.dataLines > 1) throw new BrokenReply("an event has several lines of data");
    const value = readReplyObject(data);
    refuseLookalikes(value, NAMES);
    const number = this.#numberOf(value);
    const type = textOf(value, "type") ?? "";
    const failed = type === "error" || event.event === "error" || (type === "" && (value.error ?? null) !== null);
    if (failed && mayBringCall(value)) throw new BrokenReply("an error is an event of a call as well");
    if (failed) throw new ProviderFailed(value, this.#numbers.numbered(event.bytes, number));
    // Some clients go by the one, some by the other.
    if (event.event !== "" && event.event !== "message" && event.event !== type) {
      throw new BrokenReply("an event is of two types");
    }
    if (type === "response.output_item.done") {
      this.#end(value, number, event, outlet);
      return;
    }
    if (isClosing(type)) {
      this.#close(type, value, number, event, outlet);
      return;
    }
    if (isOpening(type)) this.#open(value);
    else if (type !== "keepalive") {
      const begins = type === "response.output_item.added";
      const item = begins ? this.#items.begin(value, this.#record.id) : this.#items.of(type, value);
      if (item instanceof HeldItem) {
        if (!begins) item.event(type, value);
        this.#hold(item, number, event, outlet);
        return;
      }
      this.#record.words(type, value);
    }
    this.#pass(number, event, outlet);
  }

  /** Gateways before us may number every event 0; the API itself never numbers two alike. */
  #numberOf(value: JsonObject): number | undefined {
    const number = countOf(value, "sequence_number");
    if (number === undefined || this.#before === null) return undefined;
    if (this.#before !== undefined && number <= this.#before) {
      if (number !== 0 || this.#before !== 0) throw new BrokenReply("an event came twice, or out of order");
      this.#before = null;
      return undefined;
    }
    this.#before = number;
    return number;
  }

  #pass(number: number | undefined, { bytes }: SseEvent, outlet: Outlet): void {
    const render = (): Uint8Array => this.#numbers.numbered(bytes, number);
    outlet.hold({ size: bytes.length, ready: () => true, whole: () => true, render });
  }

  #hold(item: HeldItem, number: number | undefined, { bytes }: SseEvent, outlet: Outlet): void {
    outlet.hold({
      size: bytes.length,
      ready: () => item.decided,
      whole: () => item.pending !== undefined,
      render: () => this.#render(item, number, bytes),
    });
  }

  /** The first event of a call brings what stands for it, unless it is released as it came, from its first to its last. */
  #render(item: HeldItem, number: number | undefined, bytes: Uint8Array): Uint8Array {
    const verdict = item.pending?.verdict;
    if (verdict === undefined) throw new BrokenReply("a tool call was not decided");
    if (verdict.effect === "release" && !item.isCut) return this.#numbers.numbered(bytes, number);
    if (item.shown) return NOTHING;
    item.shown = true;
    const place = { at: item.at, number, numbers: this.#numbers };
    const decided = decidedItem(item.item, item.name, verdict);
    return verdict.effect === "replace" ? messageEvents(place, decided) : callEvents(place, decided);
  }

  #end(value: JsonObject, number: number | undefined, event: SseEvent, outlet: Outlet): void {
    const { at, item, begun } = this.#items.end(value, this.#record.id);
    if (begun instanceof HeldItem) {
      begun.pending = this.#calls.decide(readItemCall(item, at));
      this.#hold(begun, number, event, outlet);
      return;
    }
    this.#ended(at, item);
    this.#pass(number, event, outlet);
  }

  #ended(at: number, item: JsonObject): void {
    this.#record.ended(at, item);
    if (item.type === "reasoning") for (const text of reasoningTexts(item)) this.#hooks.thought?.(text);
    this.#kept.push(...keptOf(item));
  }

  /** The response before it has an output. */
  #open(value: JsonObject): void {
    const response = this.#record.about(value);
    for (const item of listOf(response, "output")) {
      if (!isObject(item)) throw new BrokenReply("an item of the output is no object");
      refuseLookalikes(item, ITEM_NAMES);
      if (itemKind(item) !== "passive") throw new BrokenReply("a tool call stands in the response before it came");
    }
  }

  #close(type: string, value: JsonObject, number: number | undefined, event: SseEvent, outlet: Outlet): void {
    const response = this.#record.about(value);
    this.#record.stopped(response, type.slice("response.".length));
    if (type === "response.failed" || type === "response.cancelled") {
      const bytes = "output" in response ? withoutOutput(event.bytes) : event.bytes;
      throw new ProviderFailed(response, this.#numbers.numbered(bytes, number));
    }
    this.#closed = true;
    const held = new HeldCalls(this.#items.held);
    const output = listOf(response, "output").map((item, i) => this.#final(item, i, held));
    const calls = output.flatMap((item) => (item === undefined ? [] : [item.pending]));
    if (new Set(calls).size < calls.length) throw new BrokenReply("a tool call stands twice in the response");
    if (this.#items.held.some((item) => !item.isWhole)) throw new BrokenReply("a tool call was never whole");
    const { bytes } = event;
    outlet.hold({
      size: bytes.length,
      ready: () => output.every((item) => item === undefined || item.pending.verdict !== undefined),
      whole: () => true,
      render: () => {
        this.#tellKept(output.flatMap((item) => item ?? []));
        const edits = output.flatMap((item, i): Edit[] => {
          const verdict = item?.pending.verdict;
          if (item === undefined || verdict === undefined || verdict.effect === "release") return [];
          const json = JSON.stringify(decidedItem(item.item, item.name, verdict));
          return [{ path: ["response", "output", i], json }];
        });
        const numbered = this.#numbers.numbered(bytes, number);
        return edits.length === 0 ? numbered : editEvent(numbered, edits);
      },
    });
  }

  /** An item of the whole output: the one that came as events, or one that did not and is decided now. */
  #final(
    item: unknown,
    i: number,
    calls: HeldCalls,
  ): { item: JsonObject; pending: PendingCall; name: string } | undefined {
    if (!isObject(item)) throw new BrokenReply("an item of the output is no object");
    refuseLookalikes(item, ITEM_NAMES);
    const isCall = itemKind(item) === "call";
    const held = calls.take(item);
    if (held !== undefined) {
      if (!isCall || held.type !== item.type) throw anotherCall();
      if (!held.isWhole) {
        held.end(item, true);
        held.pending = this.#calls.decide(readItemCall(item, held.at));
      }
      const { pending } = held;
      if (pending === undefined || !isSameCall(held.item, item)) throw anotherCall();
      return { item, pending, name: held.name };
    }
    if (!isCall) {
      if (this.#items.has(i)) this.#record.repeated(item);
      else this.#ended(i, item);
      return undefined;
    }
    return {
      item,
      pending: this.#calls.decide(readItemCall(item, i)),
      name: placeName(this.#record.id, `output ${i}`),
    };
  }

  /** `calls`: those that stand in the response at its end, perhaps there alone. */
  #tellKept(calls: readonly { item: JsonObject; pending: PendingCall }[]): void {
    for (const { item, pending } of [...this.#items.held, ...calls]) {
      if (pending?.verdict?.effect !== "replace") this.#kept.push(...keptOf(item));
    }
    for (const kept of this.#kept) this.#hooks.kept?.(kept);
    const { id } = this.#record;
    if (id) this.#hooks.kept?.({ kind: "reply", id }, this.summary());
  }

  end(): string | undefined {
    if (!this.#closed) throw new BrokenReply("the reply ended before response.completed");
    return undefined;
  }

  ping(quiet: boolean): Uint8Array {
    const sequence_number = quiet ? this.#numbers.next() : undefined;
    return sequence_number === undefined ? PING : sseEvent("keepalive", { type: "keepalive", sequence_number });
  }

  error(message: string): Uint8Array {
    const { id, model, createdAt } = this.#record;
    return responsesErrorEvents(message, { id, model, createdAt, sequenceNumber: this.#numbers.last });
  }

  get complete(): boolean {
    return this.#closed;
  }

  summary(): ReplySummary {
    return this.#record.summary(this.#calls);
  }
}

/** A response that failed has what there was of its output: calls that nobody decided. */
function withoutOutput(bytes: Uint8Array): Uint8Array {
  return editEvent(bytes, [{ path: ["response", "output"], json: "[]" }]);
}
