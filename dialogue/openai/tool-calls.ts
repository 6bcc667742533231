import { JsonError, parseStrictObject } from "../json/strict-json.ts";
import { BrokenReply } from "../sse/guard-stream.ts";
import type { ReplyHooks, ToolCall, ToolCallVerdict } from "../types.ts";
import { undecided } from "./undecided.ts";

/** A tool call that is held back. */
export interface PendingCall {
  call: ToolCall;
  /** Absent while it is undecided. */
  verdict?: ToolCallVerdict;
}

/**
 * The arguments that clients will read from `text`, or why they might read different ones, or none. OpenAI's models
 * write `{}` for none; others leave the text empty, and clients take that for `{}`. Go's take keys in any case.
 */
export function readArguments(text: string): Pick<ToolCall, "arguments"> & { why?: string } {
  if (text.trim() === "") return { arguments: {} };
  try {
    return { arguments: parseStrictObject(text, { foldDepth: 1 }) };
  } catch (error) {
    if (error instanceof JsonError) return { why: error.message };
    throw error;
  }
}

/** A call as it was read: `why` it cannot be decided. */
export interface ReadCall {
  call: ToolCall;
  why?: string;
}

/** A call with what was read of its arguments. */
export function readCall(call: ToolCall, read: ReturnType<typeof readArguments>): ReadCall {
  if (read.arguments === undefined) return { call, why: read.why ?? "it has no arguments" };
  return { call: { ...call, arguments: read.arguments } };
}

const WORD_LIMIT = 256;

/** Half a character would be another one to some clients. */
function isWord(text: string): boolean {
  return text.length <= WORD_LIMIT && text.isWellFormed();
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

  /**
   * Asks what becomes of a call; one that cannot be judged is replaced. Throws BrokenReply where a client cannot tell it
   * from another one.
   */
  decide({ call, why }: ReadCall): PendingCall {
    if (call.name === "") throw new BrokenReply("a tool call has no name");
    if (!(isWord(call.name) && isWord(call.id))) throw new BrokenReply("a tool call has no usable name or id");
    if (call.id !== "" && this.#ids.has(call.id)) throw new BrokenReply("two tool calls have one id");
    this.#ids.add(call.id);
    const pending: PendingCall = { call };
    this.#all.push(pending);
    if (why === undefined) void this.#ask(pending);
    else pending.verdict = { effect: "replace", text: undecided(why) };
    return pending;
  }

  async #ask(pending: PendingCall): Promise<void> {
    try {
      const verdict = await this.#hooks.toolCall(pending.call);
      if (verdict.effect === "replace" && verdict.text.trim() === "") {
        // Some APIs refuse a history in which a message is empty.
        pending.verdict = { effect: "replace", text: "The gateway refused a tool call." };
      } else if (verdict.effect === "release" || verdict.effect === "replace" || verdict.effect === "rewrite") {
        pending.verdict = verdict;
      } else throw new TypeError("there is no such verdict");
      this.#decided();
    } catch (error) {
      this.#failed(error);
    }
  }

  get undecided(): boolean {
    return this.#all.some(({ verdict }) => verdict === undefined);
  }

  /** Those that were decided. */
  summary(): { call: ToolCall; verdict: ToolCallVerdict }[] {
    return this.#all.flatMap(({ call, verdict }) => (verdict === undefined ? [] : [{ call, verdict }]));
  }
}
