import { isObject } from "../../json/strict-json.ts";
import type { ReplySummary, Usage } from "../../types.ts";
import { countOf, type JsonObject, objectOf, refuseLookalikes, textOf } from "../fields.ts";
import { KeptText } from "../kept-text.ts";
import type { ToolCalls } from "../tool-calls.ts";
import { readUsage } from "../usage.ts";
import { itemKind, serverTool } from "./items.ts";
import { messageWords } from "./message-words.ts";

const NAMES = new Set(["output", "status"]);

/** In the place of an index: speech is of no item. */
const AUDIO = -1;

/** What a response was, as its events say it. */
export class ResponseRecord {
  id: string | undefined;
  model: string | undefined;
  createdAt: number | undefined;
  #stopReason: string | undefined;
  #usage: Usage = {};
  readonly #text = new KeptText();
  readonly #thinking = new KeptText();
  /** Words by the place of their message. */
  readonly #spoken = new Map<number, string>();
  /** Those of messages that ended. */
  readonly #whole = new Set<string>();
  readonly #serverTools: { id: string; name: string }[] = [];

  /** The response that an event of its life is about. */
  about(event: JsonObject): JsonObject {
    const response = objectOf(event, "response") ?? {};
    refuseLookalikes(response, NAMES);
    this.id ||= textOf(response, "id");
    this.model ||= textOf(response, "model");
    this.createdAt ??= countOf(response, "created_at");
    if (isObject(response.usage)) this.#usage = readUsage(response.usage);
    return response;
  }

  stopped(response: JsonObject, otherwise: string): void {
    const details = isObject(response.incomplete_details) ? response.incomplete_details : {};
    this.#stopReason = textOf(details, "reason") ?? textOf(response, "status") ?? otherwise;
  }

  /** An item that is no call, whole: clients take the words of a message for those that its pieces had. */
  ended(at: number, item: JsonObject): void {
    if (itemKind(item) === "server") this.#serverTools.push(serverTool(item));
    else if (item.type === "message") {
      const words = messageWords(item);
      const said = this.#spoken.get(at);
      if (said !== words) this.#say(said === undefined ? at : this.#elsewhere(), words);
      if (!this.#text.truncated) this.#whole.add(words);
    }
  }

  /** An item that ended before, as the whole response has it: it may be at another place there. */
  repeated(item: JsonObject): void {
    if (item.type !== "message" || this.#text.truncated) return;
    const words = messageWords(item);
    if (!this.#whole.has(words)) this.#say(this.#elsewhere(), words);
  }

  #elsewhere(): number {
    return AUDIO - 1 - this.#spoken.size;
  }

  /** Any other event. */
  words(type: string, event: JsonObject): void {
    if (!type.endsWith(".delta") || typeof event.delta !== "string") return;
    if (type === "response.output_text.delta" || type === "response.refusal.delta") {
      this.#say(countOf(event, "output_index") ?? 0, event.delta);
    } else if (type === "response.audio.transcript.delta") this.#say(AUDIO, event.delta);
    else if (type.startsWith("response.reasoning_")) this.#thinking.add(event.delta);
  }

  #say(at: number, text: string): void {
    if (text === "") return;
    if (!this.#spoken.has(at) && this.#spoken.size > 0) this.#text.add("\n\n");
    if (!this.#text.truncated) this.#spoken.set(at, (this.#spoken.get(at) ?? "") + text);
    this.#text.add(text);
  }

  summary(calls: ToolCalls): ReplySummary {
    return {
      ...(this.id !== undefined && { id: this.id }),
      ...(this.model !== undefined && { model: this.model }),
      ...(this.#stopReason !== undefined && { stopReason: this.#stopReason }),
      text: this.#text.toString(),
      thinking: this.#thinking.toString(),
      truncated: this.#text.truncated || this.#thinking.truncated,
      toolCalls: calls.summary(),
      serverTools: this.#serverTools,
      usage: this.#usage,
    };
  }
}
