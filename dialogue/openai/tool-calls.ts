import { Refusal } from "../../base/errors.ts";
import { JsonError, parseStrictObject } from "../json/strict-json.ts";
import type { ReplyHooks, ToolCall, ToolCallVerdict } from "../types.ts";
import { BrokenReply } from "./broken-reply.ts";
import type { JsonObject } from "./fields.ts";

/** A tool call that is held back. */
export interface PendingCall {
  call: ToolCall;
  /** Absent while it is undecided. */
  verdict?: ToolCallVerdict;
}

/**
 * The arguments that clients will read from `text`; undefined where they might read different ones, or none. OpenAI's
 * models write `{}` for none; others leave the text empty, and clients take that for `{}`.
 */
export function readArguments(text: string): JsonObject | undefined {
  if (text.trim() === "") return {};
  try {
    return parseStrictObject(text);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

/** Tool calls of a reply, in the order in which they were whole. */
export class ToolCalls {
  readonly #hooks: ReplyHooks;
  readonly #decided: () => void;
  readonly #failed: (error: unknown) => void;
  readonly #all: PendingCall[] = [];
  readonly #ids = new Set<string>();

  constructor(hooks: ReplyHooks, decided: () => void, failed: (error: unknown) => void) {
    this.#hooks = hooks;
    this.#decided = decided;
    this.#failed = failed;
  }

  /** Asks what becomes of a call. Throws BrokenReply where a client cannot tell it from another one. */
  decide(call: ToolCall): PendingCall {
    if (call.name === "") throw new BrokenReply("a tool call has no name");
    if (call.id !== "" && this.#ids.has(call.id)) throw new BrokenReply("two tool calls have the same id");
    this.#ids.add(call.id);
    const pending: PendingCall = { call };
    this.#all.push(pending);
    void this.#ask(pending);
    return pending;
  }

  async #ask(pending: PendingCall): Promise<void> {
    try {
      const verdict = await this.#hooks.toolCall(pending.call);
      if (verdict.effect !== "release" && verdict.effect !== "replace" && verdict.effect !== "rewrite") {
        throw new TypeError("a verdict that nobody knows");
      }
      pending.verdict = verdict;
      this.#decided();
    } catch (error) {
      const message = error instanceof Refusal ? error.message : "the gateway could not decide a tool call";
      this.#failed(new BrokenReply(message, { cause: error }));
    }
  }

  get length(): number {
    return this.#all.length;
  }

  get changed(): boolean {
    return this.#all.some(({ verdict }) => verdict !== undefined && verdict.effect !== "release");
  }

  /** Those that were decided. */
  summary(): { call: ToolCall; verdict: ToolCallVerdict }[] {
    return this.#all.flatMap(({ call, verdict }) => (verdict === undefined ? [] : [{ call, verdict }]));
  }
}
