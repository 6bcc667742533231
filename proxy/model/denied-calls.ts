import { type DeniedCall, deniedOf } from "../../dialogue/openai/responses/denied-calls.ts";
import type { ReplySummary } from "../../dialogue/types.ts";

/** Replies that a request may still go on from; the oldest are forgotten first. */
const REPLIES = 4_096;

/**
 * The tool calls that were taken out of replies which their provider keeps: it refuses a request that goes on from such a reply
 * and answers none of them.
 */
export class DeniedCalls {
  readonly #replies = new Map<string, DeniedCall[]>();

  /** What was denied of a reply, by its id. */
  note(sessionId: string, { id, toolCalls }: ReplySummary): void {
    // What answers a call says its id alone: its arguments may be megabytes, and thousands of replies are kept.
    const denied = deniedOf(toolCalls).map(({ call: { id: callId, kind }, text }) => ({
      call: { id: callId, name: "", text: "", index: 0, ...(kind === undefined ? {} : { kind }) },
      text,
    }));
    if (id === undefined || denied.length === 0) return;
    const oldest = this.#replies.size >= REPLIES ? this.#replies.keys().next().value : undefined;
    if (oldest !== undefined) this.#replies.delete(oldest);
    this.#replies.set(`${sessionId} ${id}`, denied);
  }

  /** Of the reply that a request goes on from, in the same session. */
  of(sessionId: string, replyId: string | undefined): readonly DeniedCall[] {
    return replyId === undefined ? [] : (this.#replies.get(`${sessionId} ${replyId}`) ?? []);
  }
}
