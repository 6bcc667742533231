import { isObject } from "../../json/strict-json.ts";
import { BrokenReply, type GuardedReply } from "../../sse/guard-stream.ts";
import type { SseEvent } from "../../sse/sse-reader.ts";
import type { ReplyHooks, ReplySummary, Usage } from "../../types.ts";
import { chatErrorEvent } from "../errors.ts";
import { indexOf, type JsonObject, listOf, objectOf, readReplyObject, refuseLookalikes, textOf } from "../fields.ts";
import { type GuardOptions, guardStream, type ReplyReader, type Wire } from "../guard-stream.ts";
import { KeptText } from "../kept-text.ts";
import type { Outlet } from "../outlet.ts";
import { ProviderFailed } from "../provider-failed.ts";
import { ToolCalls } from "../tool-calls.ts";
import { readUsage } from "../usage.ts";
import { type CallPiece, type ChatCall, readLegacyPiece, readPiece } from "./call.ts";
import { Choice } from "./choice.ts";
import { type ChoicePieces, editChunk, isUntouched } from "./edit-chunk.ts";
import { keptAudio } from "./kept-audio.ts";
import { wordsOf } from "./words.ts";

/** `n`, as the `openai` package has it. */
const CHOICES_LIMIT = 128;
const DONE = "[DONE]";
/** How the `openai` package hands messages of its own on among chunks (`toReadableStream`): who reads them takes them whole. */
const OWN_MESSAGE = "chat.completion.chunk.message:";
const PING = Buffer.from(": ping\n\n");
const CHUNK_NAMES = new Set(["choices", "error"]);
const CHOICE_NAMES = new Set(["index", "delta", "message", "finish_reason"]);
const DELTA_NAMES = new Set(["content", "tool_calls", "function_call"]);

/**
 * Passes a stream of `chat/completions` on. Words pass as they come; tool calls, the end of their message and what is
 * behind it wait until the calls are whole and decided.
 */
export function guardChatStream(
  upstream: AsyncIterable<Uint8Array>,
  hooks: ReplyHooks,
  options: GuardOptions = {},
): GuardedReply {
  return guardStream(upstream, hooks, options, (wire) => new ChatStream(wire));
}

/** A chunk as one choice of it has it. */
interface Part extends ChoicePieces {
  entry: JsonObject;
  words: boolean;
}

/** Reads the chunks of a reply. */
export class ChatStream implements ReplyReader {
  readonly #wire: Wire;
  readonly #calls: ToolCalls;
  readonly #choices = new Map<number, Choice>();
  readonly #thinking = new KeptText();
  #begun = 0;
  #id: string | undefined;
  #model: string | undefined;
  #usage: Usage = {};
  #done = false;
  /** Of the chunk before, where a comment belongs: between the chunks of a call it must not keep them apart. */
  #lane: number | undefined;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#calls = new ToolCalls(wire.hooks, wire.decided, wire.failed);
  }

  event(event: SseEvent, outlet: Outlet): void {
    const { data } = event;
    if (data === undefined) {
      outlet.pass(event.bytes, this.#lane);
      return;
    }
    if (this.#done) throw new BrokenReply(`the reply went on after ${DONE}`);
    // Some clients read each line of data on its own.
    if (event.dataLines > 1) throw new BrokenReply("an event has several lines of data");
    if (data.startsWith(DONE)) {
      if (data !== DONE) throw new BrokenReply(`there is more than ${DONE} in the last event`);
      this.#done = true;
      for (const choice of this.#choices.values()) this.#finish(choice);
      outlet.pass(event.bytes);
      return;
    }
    const chunk = readReplyObject(data);
    refuseLookalikes(chunk, CHUNK_NAMES);
    if (event.event === "error" || (chunk.error ?? null) !== null) {
      if (listOf(chunk, "choices").length > 0) throw new BrokenReply("an error is a piece of a reply as well");
      throw new ProviderFailed(chunk, event.bytes);
    }
    if ((chunk.message ?? null) !== null || String(chunk.object).startsWith(OWN_MESSAGE)) {
      throw new BrokenReply("a chunk is a message of a client");
    }
    this.#chunk(chunk, event.bytes, outlet);
  }

  #chunk(chunk: JsonObject, bytes: Uint8Array, outlet: Outlet): void {
    this.#id ||= textOf(chunk, "id");
    this.#model ||= textOf(chunk, "model");
    if (isObject(chunk.usage)) this.#usage = readUsage(chunk.usage);
    const parts = listOf(chunk, "choices").map((entry) => this.#part(entry));
    const words = parts.filter((part) => part.words);
    const calls = parts.flatMap((part) => part.calls);
    const ends = parts.some(
      ({ entry, choice }) => choice.finishReason !== undefined || (entry.finish_reason ?? "") !== "",
    );
    for (const { entry, choice } of parts) {
      const reason = textOf(entry, "finish_reason") ?? "";
      if (reason === "") continue;
      choice.finishReason ??= reason;
      this.#finish(choice);
    }
    if (calls.length === 0 && !ends && parts.length > 0) {
      outlet.passNow(bytes);
      return;
    }
    if (calls.length > 0 && words.length > 0) {
      outlet.passNow(chunkBytes(wordChunk(chunk, words)));
      this.#hold(outlet, withoutWords(chunk), bytes.length, parts, calls);
      return;
    }
    this.#hold(outlet, chunk, bytes.length, parts, calls, bytes);
  }

  #hold(outlet: Outlet, chunk: JsonObject, size: number, parts: Part[], calls: ChatCall[], bytes?: Uint8Array): void {
    const lane = parts.length === 1 ? parts[0]?.choice.index : parts.length === 0 ? this.#callingLane() : undefined;
    this.#lane = lane;
    const held = {
      size,
      ready: () => calls.every((call) => call.decided),
      whole: () => calls.every((call) => call.pending !== undefined),
      render: () => {
        if (bytes !== undefined && isUntouched(chunk, parts)) {
          for (const call of calls) call.shown = true;
          return bytes;
        }
        const edited = editChunk(chunk, parts);
        return edited === undefined ? new Uint8Array(0) : chunkBytes(edited);
      },
    };
    outlet.hold(held, lane);
  }

  /**
   * Where what is of no choice stands while a call is not whole: behind all lanes it would part the call, of which the client
   * had the beginning alone where the reply then breaks off.
   */
  #callingLane(): number | undefined {
    for (const choice of this.#choices.values()) if (choice.isCalling) return choice.index;
    return undefined;
  }

  #part(entry: unknown): Part {
    if (!isObject(entry)) throw new BrokenReply("a choice is no object");
    refuseLookalikes(entry, CHOICE_NAMES);
    // The `openai` package puts it in the place of all that it has of the message.
    if ((entry.message ?? null) !== null) throw new BrokenReply("a message stands beside the pieces of it");
    const delta = objectOf(entry, "delta") ?? {};
    refuseLookalikes(delta, DELTA_NAMES);
    const pieces: CallPiece[] = listOf(delta, "tool_calls").map((piece) => {
      if (!isObject(piece)) throw new BrokenReply("a tool call is no object");
      return readPiece(piece);
    });
    const legacy = objectOf(delta, "function_call");
    if (legacy !== undefined) pieces.push(readLegacyPiece(legacy));
    const index = entry.index === undefined && pieces.length === 0 ? 0 : indexOf(entry, "index", CHOICES_LIMIT);
    const choice = this.#choices.get(index) ?? new Choice(index);
    this.#choices.set(index, choice);
    const calls = pieces.map((piece) => this.#add(choice, piece));
    const words = this.#words(choice, delta);
    for (const kept of keptAudio(delta)) this.#wire.hooks.kept?.(kept);
    return { entry, choice, calls, words };
  }

  #add(choice: Choice, piece: CallPiece): ChatCall {
    const { call, before } = choice.callOf(piece, () => this.#begun++);
    if (before !== undefined) before.pending = this.#calls.decide(before.whole());
    call.add(piece, this.#wire.callBytes);
    return call;
  }

  #finish(choice: Choice): void {
    const call = choice.takeCurrent();
    if (call !== undefined) call.pending = this.#calls.decide(call.whole());
  }

  /** Keeps what the delta says; whether it says anything that a client shows at once. */
  #words(choice: Choice, delta: JsonObject): boolean {
    const { said, thought } = wordsOf(delta);
    if (said !== "") {
      choice.text.add(said);
      choice.spoke = true;
    }
    this.#thinking.add(thought);
    return Object.keys(delta).some((key) => !(SILENT.has(key) || isNothing(delta[key])));
  }

  end(): string | undefined {
    if (this.#done) return undefined;
    const choices = [...this.#choices.values()];
    if (choices.length === 0 || choices.some((choice) => choice.finishReason === undefined)) {
      throw new BrokenReply("the reply ended within a message");
    }
    return `the reply ended without ${DONE}`;
  }

  get complete(): boolean {
    return this.#done;
  }

  ping(): Uint8Array {
    return PING;
  }

  error(message: string, status: number): Uint8Array {
    return chatErrorEvent(status, message);
  }

  summary(): ReplySummary {
    const choices = [...this.#choices.entries()].sort(([a], [b]) => a - b).map(([, choice]) => choice);
    const stopReason = choices[0]?.finishReason;
    return {
      ...(this.#id === undefined ? {} : { id: this.#id }),
      ...(this.#model === undefined ? {} : { model: this.#model }),
      ...(stopReason === undefined ? {} : { stopReason }),
      text: choices.map((choice) => choice.text.toString()).join("\n\n"),
      thinking: this.#thinking.toString(),
      truncated: this.#thinking.truncated || choices.some((choice) => choice.text.truncated),
      toolCalls: this.#calls.summary(),
      serverTools: [],
      usage: this.#usage,
    };
  }
}

/** Members of a delta that are no words. */
const SILENT = new Set(["role", "tool_calls", "function_call"]);

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

function chunkBytes(chunk: JsonObject): Uint8Array {
  return Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`);
}

/** The words of a chunk, that need not wait for the calls beside them. */
function wordChunk(chunk: JsonObject, parts: readonly Part[]): JsonObject {
  const { usage, ...rest } = chunk;
  const choices = parts.map(({ entry }) => {
    const { tool_calls, function_call, ...delta } = entry.delta as JsonObject;
    return { ...entry, delta, ...("finish_reason" in entry ? { finish_reason: null } : {}) };
  });
  return { ...rest, choices };
}

function withoutWords(chunk: JsonObject): JsonObject {
  const choices = (chunk.choices as JsonObject[]).map((entry) => {
    const delta = isObject(entry.delta) ? entry.delta : {};
    const kept = Object.entries(delta).filter(([key]) => key === "tool_calls" || key === "function_call");
    return { ...entry, delta: Object.fromEntries(kept), ...("logprobs" in entry ? { logprobs: null } : {}) };
  });
  return { ...chunk, choices };
}
