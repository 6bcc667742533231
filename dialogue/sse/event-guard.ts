import type { ReplySummary, ToolCall, ToolCallVerdict } from "../types.ts";
import type { SseEvent } from "./sse-reader.ts";

/** Reads the events of one dialect: what may go out in its turn, what is held, which tool calls are whole. No I/O, no time. */
export interface EventGuard {
  readonly summary: ReplySummary;
  /** Tool calls that the event made whole: each is to be settled. Throws BrokenReply. */
  read(event: SseEvent): ToolCall[];
  /** Throws where the verdict is none. */
  settle(call: ToolCall, verdict: ToolCallVerdict): void;
  /** There will be no verdict: the reply ends when it is the call's turn. */
  fail(call: ToolCall, error: unknown): void;
  /** Bytes whose turn has come, each once. Throws what a call failed with, in its turn. */
  take(): Uint8Array[];
  /** Something is held back, so that the client hears nothing; of that, something lacks nothing but a verdict. */
  readonly waiting: boolean;
  readonly undecided: boolean;
  /** What follows is neither read nor passed on. */
  readonly ended: boolean;
  /** The stream is over. Throws BrokenReply where the reply is not. */
  end(): void;
  /** What keeps a client waiting, and what ends a reply that is broken off; `status` as an answer would have it. */
  readonly ping: Uint8Array;
  error(message: string, status: number): Uint8Array;
}
