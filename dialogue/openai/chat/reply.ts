import type { GuardedBody } from "../../anthropic/reply.ts";
import { type Span, splice, valueSpan } from "../../json/spans.ts";
import { isObject } from "../../json/strict-json.ts";
import { BrokenReply } from "../../sse/guard-stream.ts";
import type { Kept, ReplyHooks, ReplySummary, Usage } from "../../types.ts";
import { type JsonObject, listOf, objectOf, refuseLookalikes, textOf } from "../fields.ts";
import { guardReply, type ReplyLimits, type WholeReply } from "../guard-reply.ts";
import { CALL_BYTES } from "../guard-stream.ts";
import { KeptText } from "../kept-text.ts";
import type { ToolCalls } from "../tool-calls.ts";
import { readUsage } from "../usage.ts";
import { readLegacyPiece, readPiece } from "./call.ts";
import { Choice } from "./choice.ts";
import { editMessage, finishReasonFor } from "./edit-chunk.ts";
import { keptAudio } from "./kept-audio.ts";
import { wordsOf } from "./words.ts";

const REPLY_NAMES = new Set(["choices", "error"]);
const CHOICE_NAMES = new Set(["index", "message", "finish_reason", "delta"]);
const MESSAGE_NAMES = new Set(["content", "tool_calls", "function_call"]);

/** A reply of `chat/completions` that came whole: each tool call is decided; every other byte stays as it was. */
export function guardChatReply(body: Buffer, hooks: ReplyHooks, limits: ReplyLimits = {}): Promise<GuardedBody> {
  return guardReply(body, hooks, new ChatReply(limits.callBytes ?? CALL_BYTES));
}

class ChatReply implements WholeReply {
  readonly #limit: number;
  readonly #choices: { choice: Choice; entry: JsonObject; message: JsonObject }[] = [];
  readonly #thinking = new KeptText();
  #reply: JsonObject = {};
  #usage: Usage = {};
  #begun = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  read(reply: JsonObject, calls: ToolCalls): void {
    refuseLookalikes(reply, REPLY_NAMES);
    this.#reply = reply;
    this.#usage = readUsage(reply.usage);
    if (!Array.isArray(reply.choices)) throw new BrokenReply("it has no choices");
    for (const entry of reply.choices) this.#read(entry, calls);
  }

  #read(entry: unknown, calls: ToolCalls): void {
    if (!isObject(entry)) throw new BrokenReply("a choice is no object");
    refuseLookalikes(entry, CHOICE_NAMES);
    if ((entry.delta ?? null) !== null) throw new BrokenReply("a choice is a piece of one");
    const message = objectOf(entry, "message") ?? {};
    refuseLookalikes(message, MESSAGE_NAMES);
    const choice = new Choice(this.#choices.length);
    this.#choices.push({ choice, entry, message });
    const { said, thought } = wordsOf(message);
    if (said !== "") {
      choice.spoke = true;
      choice.text.add(said);
    }
    this.#thinking.add(thought);
    const pieces = listOf(message, "tool_calls").map((call, at) => {
      if (!isObject(call)) throw new BrokenReply("a tool call is no object");
      return readPiece(call, at);
    });
    const legacy = objectOf(message, "function_call");
    if (legacy !== undefined) pieces.push(readLegacyPiece(legacy));
    for (const piece of pieces) {
      const call = choice.begin(piece, this.#begun++);
      call.add(piece, this.#limit);
      call.pending = calls.decide(call.whole());
    }
    choice.finishReason = textOf(entry, "finish_reason");
  }

  render(text: string): string {
    const parts = this.#choices.flatMap(({ choice, entry, message }, i): (Span & { text: string })[] => {
      const calls = [...choice.calls.values()];
      if (calls.every((call) => call.pending?.verdict?.effect === "release")) return [];
      const edited = JSON.stringify(editMessage(message, { choice, calls }));
      const reason = JSON.stringify(finishReasonFor(choice, entry.finish_reason) ?? null);
      const said = replaced(text, ["choices", i, "message"], edited);
      if (said.length === 0) throw new BrokenReply("a message was not found in its text");
      return [
        ...said,
        ...replaced(text, ["choices", i, "finish_reason"], reason),
        ...replaced(text, ["choices", i, "logprobs"], "null"),
      ];
    });
    return splice(
      text,
      parts.sort((a, b) => a.start - b.start),
    );
  }

  kept(): Kept[] {
    return this.#choices.flatMap(({ message }) => keptAudio(message));
  }

  summary(calls: ToolCalls): ReplySummary {
    const { id, model } = this.#reply;
    const stopReason = this.#choices[0]?.choice.finishReason;
    return {
      ...(typeof id === "string" && { id }),
      ...(typeof model === "string" && { model }),
      ...(stopReason !== undefined && { stopReason }),
      text: this.#choices.map(({ choice }) => choice.text.toString()).join("\n\n"),
      thinking: this.#thinking.toString(),
      truncated: this.#thinking.truncated || this.#choices.some(({ choice }) => choice.text.truncated),
      toolCalls: calls.summary(),
      serverTools: [],
      usage: this.#usage,
    };
  }
}

function replaced(text: string, path: (string | number)[], json: string): (Span & { text: string })[] {
  const span = valueSpan(text, path);
  return span === undefined ? [] : [{ ...span, text: json }];
}
