import { isObject } from "../../json/strict-json.ts";
import type { ReplySummary, Usage } from "../../types.ts";
import { countOf, type JsonObject, objectOf, refuseLookalikes, textOf } from "../fields.ts";
import { KeptText } from "../kept-text.ts";
import type { ToolCalls } from "../tool-calls.ts";
import { readUsage } from "../usage.ts";
import { itemKind, serverTool } from "./items.ts";
import { messageWords } from "./message-words.ts";

const NAMES = new Set(["output", "status"]);

/** What a response was, as its events say it. */
export class ResponseRecord {
  id: string | undefined;
  model: string | undefined;
  createdAt: number | undefined;
  #stopReason: string | undefined;
  #usage: Usage = {};
  readonly #text = new KeptText();
  readonly #thinking = new KeptText();
  readonly #spoken = new Set<number>();
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

  /** An item that is no call, whole. */
  ended(at: number, item: JsonObject): void {
    if (itemKind(item) === "server") this.#serverTools.push(serverTool(item));
    else if (item.type === "message" && !this.#spoken.has(at)) this.#say(at, messageWords(item));
  }

  /** Any other event. */
  words(type: string, event: JsonObject): void {
    if (!type.endsWith(".delta") || typeof event.delta !== "string") return;
    if (type === "response.output_text.delta" || type === "response.refusal.delta") {
      this.#say(countOf(event, "output_index") ?? 0, event.delta);
    } else if (type.startsWith("response.reasoning_")) this.#thinking.add(event.delta);
  }

  #say(at: number, text: string): void {
    if (text === "") return;
    if (!this.#spoken.has(at) && this.#spoken.size > 0) this.#text.add("\n\n");
    this.#spoken.add(at);
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
