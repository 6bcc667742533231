import type { GuardedBody } from "../../anthropic/reply.ts";
import { itemSpans, type Span, splice } from "../../json/spans.ts";
import { isObject } from "../../json/strict-json.ts";
import { BrokenReply } from "../../sse/guard-stream.ts";
import type { Kept, ReplyHooks, ReplySummary } from "../../types.ts";
import { type JsonObject, objectOf, refuseLookalikes, textOf } from "../fields.ts";
import { guardReply, type ReplyLimits, type WholeReply } from "../guard-reply.ts";
import { CALL_BYTES } from "../guard-stream.ts";
import { KeptText } from "../kept-text.ts";
import type { PendingCall, ToolCalls } from "../tool-calls.ts";
import { readUsage } from "../usage.ts";
import { ITEM_NAMES, itemKind, placeName, readItemCall, serverTool } from "./items.ts";
import { keptOf } from "./kept-items.ts";
import { messageWords, reasoningWords } from "./message-words.ts";
import { decidedItem } from "./render-item.ts";

const NAMES = new Set(["output", "status", "error"]);

/** A response that came whole: each item that is a call is decided; every other byte stays as it was. */
export function guardResponsesReply(body: Buffer, hooks: ReplyHooks, limits: ReplyLimits = {}): Promise<GuardedBody> {
  return guardReply(body, hooks, new ResponsesReply(limits.callBytes ?? CALL_BYTES));
}

class ResponsesReply implements WholeReply {
  readonly #limit: number;
  readonly #items: { item: JsonObject; pending?: PendingCall }[] = [];
  readonly #text = new KeptText();
  readonly #thinking = new KeptText();
  readonly #serverTools: { id: string; name: string }[] = [];
  #reply: JsonObject = {};

  constructor(limit: number) {
    this.#limit = limit;
  }

  read(reply: JsonObject, calls: ToolCalls): void {
    refuseLookalikes(reply, NAMES);
    this.#reply = reply;
    if (!Array.isArray(reply.output)) throw new BrokenReply("it has no output");
    reply.output.forEach((item, i) => {
      if (!isObject(item)) throw new BrokenReply("an item of the output is no object");
      refuseLookalikes(item, ITEM_NAMES);
      this.#items.push({ item, ...this.#read(item, i, calls) });
    });
  }

  #read(item: JsonObject, i: number, calls: ToolCalls): { pending?: PendingCall } {
    const kind = itemKind(item);
    if (kind === "server") this.#serverTools.push(serverTool(item));
    else if (item.type === "message") {
      if (this.#text.toString() !== "") this.#text.add("\n\n");
      this.#text.add(messageWords(item));
    } else if (item.type === "reasoning") this.#thinking.add(reasoningWords(item));
    if (kind !== "call") return {};
    const read = readItemCall(item, i);
    if (read.call.text.length > this.#limit) {
      throw new BrokenReply(`a tool call has arguments of more than ${this.#limit} characters`);
    }
    return { pending: calls.decide(read) };
  }

  render(text: string): string {
    const spans = itemSpans(text, ["output"]);
    const parts = this.#items.flatMap(({ item, pending }, i): (Span & { text: string })[] => {
      const span = spans[i];
      const verdict = pending?.verdict;
      if (verdict === undefined || verdict.effect === "release") return [];
      if (span === undefined) throw new BrokenReply("a tool call was not found in its text");
      return [{ ...span, text: JSON.stringify(decidedItem(item, placeName(this.#reply.id, i), verdict)) }];
    });
    return splice(text, parts);
  }

  kept(): Kept[] {
    const { id } = this.#reply;
    const items = this.#items.filter(({ pending }) => pending?.verdict?.effect !== "replace");
    return [
      ...items.flatMap(({ item }) => keptOf(item)),
      ...(typeof id === "string" && id !== "" ? [{ kind: "reply" as const, id }] : []),
    ];
  }

  summary(calls: ToolCalls): ReplySummary {
    const { id, model, status } = this.#reply;
    const reason = isObject(this.#reply.incomplete_details)
      ? textOf(this.#reply.incomplete_details, "reason")
      : undefined;
    const stopReason = reason ?? (typeof status === "string" ? status : undefined);
    return {
      ...(typeof id === "string" && { id }),
      ...(typeof model === "string" && { model }),
      ...(stopReason !== undefined && { stopReason }),
      text: this.#text.toString(),
      thinking: this.#thinking.toString(),
      truncated: this.#text.truncated || this.#thinking.truncated,
      toolCalls: calls.summary(),
      serverTools: this.#serverTools,
      usage: readUsage(objectOf(this.#reply, "usage")),
    };
  }
}
