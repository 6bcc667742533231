import type { GuardedBody } from "../anthropic/reply.ts";
import { isObject } from "../json/strict-json.ts";
import { BrokenReply, whyBroken } from "../sse/broken-reply.ts";
import type { Kept, ReplyHooks, ReplySummary } from "../types.ts";
import { openaiError } from "./errors.ts";
import { type JsonObject, readReplyObject } from "./fields.ts";
import { reasonOf } from "./provider-failed.ts";
import { reasoningTexts } from "./responses/message-words.ts";
import { ToolCalls } from "./tool-calls.ts";

export interface ReplyLimits {
  /** Characters of a tool call's arguments, at most. */
  callBytes?: number;
}

/** Reads a whole reply in a dialect: what it was, and its text once each call is decided. */
export interface WholeReply {
  /** Throws BrokenReply. The calls are asked about as they are read. */
  read(reply: JsonObject, calls: ToolCalls): void;
  summary(calls: ToolCalls): ReplySummary;
  /** With what was decided; the text itself where nothing was changed. */
  render(text: string): string;
  /** What the provider keeps of it that the client hears of. */
  kept(): Kept[];
}

/** A reply that came whole, with its tool calls decided one beside the other. What cannot be read becomes an error. */
export async function guardReply(body: Buffer, hooks: ReplyHooks, reply: WholeReply): Promise<GuardedBody> {
  let broken: string | undefined;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined); // it is awaited below, if at all
  let wake = Promise.withResolvers<void>();
  const calls = new ToolCalls(hooks, () => wake.resolve(), failed.reject);
  const end = (): ReplySummary => ({ ...reply.summary(calls), ...(broken === undefined ? {} : { broken }) });
  try {
    const text = decode(body);
    const value = readReplyObject(text);
    if (isObject(value.error) && value.choices === undefined && value.status !== "completed") {
      broken = reasonOf(value);
      reply.read({ ...value, choices: [], output: [] }, calls);
      return { body: value.output === undefined ? body : Buffer.from(withoutOutput(value)), summary: end() };
    }
    reply.read(value, calls);
    while (calls.undecided) {
      wake = Promise.withResolvers();
      await Promise.race([wake.promise, failed.promise]);
    }
    const rendered = reply.render(text);
    const summary = end();
    for (const made of reply.kept()) hooks.kept?.(made, summary);
    for (const item of Array.isArray(value.output) ? value.output : [])
      if (isObject(item) && item.type === "reasoning") for (const one of reasoningTexts(item)) hooks.thought?.(one);
    return { body: rendered === text ? body : Buffer.from(rendered), summary };
  } catch (error) {
    const { why, status } = whyBroken(error);
    broken = why;
    const answer = openaiError(status, "reply_refused", `The gateway ended this reply: ${why}.`);
    return { body: Buffer.from(answer.body), summary: end(), status };
  }
}

/** A response that failed may have what there was of its output: calls that nobody decided. */
function withoutOutput(value: JsonObject): string {
  return JSON.stringify({ ...value, output: [] });
}

function decode(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new BrokenReply("it is not valid UTF-8");
  }
}
