import { type GuardedReply, guardStream, type StreamOptions } from "../sse/guard-stream.ts";
import { Passing, type ReplySink } from "../sse/passing.ts";
import type { ReplyHooks } from "../types.ts";
import { ReplyGuard, type ReplyLimits } from "./reply-guard.ts";

/**
 * A streamed reply of Anthropic's Messages API, as it comes: text and thinking pass at once and byte for byte, each tool
 * call waits until it is whole and decided, and `event: ping` is sent while it does. What cannot be read ends with
 * `event: error`; nothing is passed that was not understood.
 */
export function guardReplyStream(
  upstream: AsyncIterable<Uint8Array>,
  hooks: ReplyHooks,
  options: ReplyLimits & StreamOptions = {},
): GuardedReply {
  return guardStream(upstream, guardOf(hooks, options), hooks, options);
}

/** The same for who has its chunks pushed: text goes out in the turn in which it came. */
export function passReply(hooks: ReplyHooks, sink: ReplySink, options: ReplyLimits & StreamOptions = {}): Passing {
  return new Passing(guardOf(hooks, options), hooks, sink, options);
}

function guardOf(hooks: ReplyHooks, limits: ReplyLimits): ReplyGuard {
  return new ReplyGuard(limits, hooks.kept, hooks.thought);
}
