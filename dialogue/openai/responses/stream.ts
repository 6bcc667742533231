import { isObject } from "../../json/strict-json.ts";
import { BrokenReply, type GuardedReply } from "../../sse/guard-stream.ts";
import type { SseEvent } from "../../sse/sse-reader.ts";
import type { ReplyHooks, ReplySummary, Usage } from "../../types.ts";
import { responsesErrorEvents, sseEvent } from "../errors.ts";
import { type Edit, editEvent } from "../event-text.ts";
import {
  countOf,
  indexOf,
  type JsonObject,
  listOf,
  objectOf,
  readReplyObject,
  refuseLookalikes,
  textOf,
} from "../fields.ts";
import { type GuardOptions, guardStream, type ReplyReader, type Wire } from "../guard-stream.ts";
import { KeptText } from "../kept-text.ts";
import type { Outlet } from "../outlet.ts";
import { ProviderFailed } from "../provider-failed.ts";
import { type PendingCall, ToolCalls } from "../tool-calls.ts";
import { readUsage } from "../usage.ts";
import { isClosing, isOpening, mayBringCall, typesOfItem } from "./events.ts";
import { HeldItem } from "./held-item.ts";
import { callId, ITEM_NAMES, itemKind, placeName, readItemCall, serverTool } from "./items.ts";
import { messageWords } from "./message-words.ts";
import { SequenceNumbers } from "./numbers.ts";
import { callEvents, decidedItem, messageEvents } from "./render-item.ts";

const ITEMS_LIMIT = 10_000;
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

interface Passing {
  type: string;
  id: string | undefined;
  kind: "server" | "passive";
  ended: boolean;
}

/** Reads the events of a response. */
export class ResponsesStream implements ReplyReader {
  readonly #wire: Wire;
  readonly #calls: ToolCalls;
  readonly #items = new Map<number, HeldItem | Passing>();
  readonly #numbers = new SequenceNumbers();
  readonly #text = new KeptText();
  readonly #thinking = new KeptText();
  readonly #spoken = new Set<number>();
  readonly #serverTools: { id: string; name: string }[] = [];
  /** The provider's number of the event before; `null` where its numbers don't increase. */
  #before: number | null | undefined;
  #id: string | undefined;
  #model: string | undefined;
  #createdAt: number | undefined;
  #stopReason: string | undefined;
  #usage: Usage = {};
  #closed = false;

  constructor(wire: Wire) {
    this.#wire = wire;
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
    if (type === "response.output_item.added") {
      this.#begin(value, number, event, outlet);
      return;
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
      const item = this.#itemOf(type, value);
      if (item instanceof HeldItem) {
        item.event(type, value);
        this.#hold(item, number, event, outlet);
        return;
      }
      this.#words(type, value);
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

  #begin(value: JsonObject, number: number | undefined, event: SseEvent, outlet: Outlet): void {
    const item = this.#readItem(value);
    const at = indexOf(value, "output_index", ITEMS_LIMIT);
    if (this.#items.has(at)) throw new BrokenReply("an item began twice");
    const begun = this.#newItem(at, item);
    if (begun instanceof HeldItem) {
      this.#hold(begun, number, event, outlet);
      return;
    }
    this.#pass(number, event, outlet);
  }

  #readItem(value: JsonObject): JsonObject {
    const item = objectOf(value, "item");
    if (item === undefined) throw new BrokenReply("an item is missing");
    refuseLookalikes(item, ITEM_NAMES);
    return item;
  }

  #newItem(at: number, item: JsonObject): HeldItem | Passing {
    const kind = itemKind(item);
    const begun =
      kind === "call"
        ? new HeldItem(at, placeName(this.#id, at), item, this.#wire.callBytes)
        : { type: String(item.type), id: textOf(item, "id"), kind, ended: false };
    this.#items.set(at, begun);
    return begun;
  }

  /** The item that an event between its first and last is of; undefined where the event is of none. */
  #itemOf(type: string, value: JsonObject): HeldItem | Passing | undefined {
    const types = typesOfItem(type);
    const at = countOf(value, "output_index");
    const item = at === undefined ? undefined : this.#items.get(at);
    const id = textOf(value, "item_id");
    const named = id === undefined ? undefined : [...this.#items.values()].find((other) => other.id === id);
    if (named !== undefined && named !== item) throw new BrokenReply("an event is of two items");
    if (item === undefined) {
      if (types === undefined ? mayBringCall(value) : types.some((name) => itemKind({ type: name }) === "call")) {
        throw new BrokenReply("an event of a tool call came before the call");
      }
      return undefined;
    }
    if (types !== undefined ? !types.includes(item.type) : !(item instanceof HeldItem) && mayBringCall(value)) {
      throw new BrokenReply("an event is of another type than its item");
    }
    return item;
  }

  #end(value: JsonObject, number: number | undefined, event: SseEvent, outlet: Outlet): void {
    const item = this.#readItem(value);
    const at = indexOf(value, "output_index", ITEMS_LIMIT);
    const begun = this.#items.get(at) ?? this.#newItem(at, item);
    if ((itemKind(item) === "call") !== begun instanceof HeldItem) throw new BrokenReply("an item changed its type");
    if (begun instanceof HeldItem) {
      begun.end(item);
      begun.pending = this.#calls.decide(readItemCall(item, at));
      this.#hold(begun, number, event, outlet);
      return;
    }
    if (begun.type !== item.type) throw new BrokenReply("an item changed its type");
    if (begun.ended) throw new BrokenReply("an item ended twice");
    begun.ended = true;
    this.#ended(at, item);
    this.#pass(number, event, outlet);
  }

  #ended(at: number, item: JsonObject): void {
    if (itemKind(item) === "server") this.#serverTools.push(serverTool(item));
    else if (item.type === "message" && !this.#spoken.has(at)) this.#say(at, messageWords(item));
  }

  #say(at: number, text: string): void {
    if (text === "") return;
    if (!this.#spoken.has(at) && this.#spoken.size > 0) this.#text.add("\n\n");
    this.#spoken.add(at);
    this.#text.add(text);
  }

  #words(type: string, value: JsonObject): void {
    if (!type.endsWith(".delta") || typeof value.delta !== "string") return;
    if (type === "response.output_text.delta" || type === "response.refusal.delta") {
      this.#say(countOf(value, "output_index") ?? 0, value.delta);
    } else if (type.startsWith("response.reasoning_")) this.#thinking.add(value.delta);
  }

  /** The response before it has an output. */
  #open(value: JsonObject): void {
    const response = this.#about(value);
    for (const item of listOf(response, "output")) {
      if (!isObject(item)) throw new BrokenReply("an item of the output is no object");
      refuseLookalikes(item, ITEM_NAMES);
      if (itemKind(item) === "call") throw new BrokenReply("a tool call stands in the response before it came");
    }
  }

  #about(value: JsonObject): JsonObject {
    const response = objectOf(value, "response") ?? {};
    refuseLookalikes(response, new Set(["output", "status"]));
    this.#id ||= textOf(response, "id");
    this.#model ||= textOf(response, "model");
    this.#createdAt ??= countOf(response, "created_at");
    if (isObject(response.usage)) this.#usage = readUsage(response.usage);
    return response;
  }

  #close(type: string, value: JsonObject, number: number | undefined, event: SseEvent, outlet: Outlet): void {
    const response = this.#about(value);
    const details = isObject(response.incomplete_details) ? response.incomplete_details : {};
    this.#stopReason = textOf(details, "reason") ?? textOf(response, "status") ?? type.slice("response.".length);
    if (type === "response.failed" || type === "response.cancelled") {
      throw new ProviderFailed(response, this.#withoutOutput(event.bytes, number));
    }
    this.#closed = true;
    const output = listOf(response, "output").map((item, i) => this.#final(item, i));
    for (const item of this.#items.values()) {
      if (item instanceof HeldItem && !item.isWhole) throw new BrokenReply("a tool call was never whole");
    }
    const { bytes } = event;
    outlet.hold({
      size: bytes.length,
      ready: () => output.every((item) => item === undefined || item.pending.verdict !== undefined),
      whole: () => true,
      render: () => {
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

  /** A response that failed has what there was of its output: calls that nobody decided. */
  #withoutOutput(bytes: Uint8Array, number: number | undefined): Uint8Array {
    const cleared = editEvent(bytes, [{ path: ["response", "output"], json: "[]" }]);
    return this.#numbers.numbered(cleared, number);
  }

  /** An item of the whole output: the one that came as events, or one that did not and is decided now. */
  #final(item: unknown, i: number): { item: JsonObject; pending: PendingCall; name: string } | undefined {
    if (!isObject(item)) throw new BrokenReply("an item of the output is no object");
    refuseLookalikes(item, ITEM_NAMES);
    if (itemKind(item) !== "call") {
      if (!this.#items.has(i)) this.#ended(i, item);
      return undefined;
    }
    const id = callId(item);
    for (const held of this.#items.values()) {
      if (!(held instanceof HeldItem) || held.type !== item.type || callId(held.item) !== id) continue;
      if (!held.isWhole) {
        held.end(item, true);
        held.pending = this.#calls.decide(readItemCall(item, held.at));
      }
      const { name, text } = readItemCall(item, held.at).call;
      const { pending } = held;
      if (pending === undefined || pending.call.name !== name || pending.call.text !== text) {
        throw new BrokenReply("a tool call is another one in the whole response");
      }
      return { item, pending, name: held.name };
    }
    return { item, pending: this.#calls.decide(readItemCall(item, i)), name: placeName(this.#id, `output ${i}`) };
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
    const last = this.#numbers.last;
    return responsesErrorEvents(message, {
      ...(this.#id === undefined ? {} : { id: this.#id }),
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...(this.#createdAt === undefined ? {} : { createdAt: this.#createdAt }),
      ...(last === undefined ? {} : { sequenceNumber: last }),
    });
  }

  summary(): ReplySummary {
    return {
      ...(this.#id === undefined ? {} : { id: this.#id }),
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...(this.#stopReason === undefined ? {} : { stopReason: this.#stopReason }),
      text: this.#text.toString(),
      thinking: this.#thinking.toString(),
      truncated: this.#text.truncated || this.#thinking.truncated,
      toolCalls: this.#calls.summary(),
      serverTools: this.#serverTools,
      usage: this.#usage,
    };
  }
}
