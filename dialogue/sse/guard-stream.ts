import type { ReplyHooks, ReplySummary } from "../types.ts";
import type { EventGuard } from "./event-guard.ts";
import { Passing, type StreamOptions } from "./passing.ts";

export { BrokenReply } from "./broken-reply.ts";
export type { StreamOptions } from "./passing.ts";

export interface GuardedReply {
  /** To be read once. Who stops reading cancels the provider's stream. */
  bytes: AsyncIterable<Uint8Array>;
  /** Settles when the bytes ended, in whatever way, or reading was stopped. Never rejects. */
  summary: Promise<ReplySummary>;
}

/**
 * Passes a provider's event stream on as the guard lets it, and asks the hook about tool calls, of which several may be
 * decided at once. Bytes go out in order, as soon as their event is whole; the provider is read no faster than the client
 * reads, a bounded piece aside while a call is decided. Whatever goes wrong ends the bytes with the dialect's error event
 * once what stood before it is out, and stands in the summary.
 */
export function guardStream(
  upstream: AsyncIterable<Uint8Array>,
  guard: EventGuard,
  hooks: ReplyHooks,
  options: StreamOptions = {},
): GuardedReply {
  const { promise, resolve } = Promise.withResolvers<ReplySummary>();
  const passing = new Passing(upstream, guard, hooks, options);
  const bytes = passing.run();
  async function next(): Promise<IteratorResult<Uint8Array>> {
    const result = await bytes.next();
    if (result.done) resolve(guard.summary);
    return result;
  }
  async function stop(): Promise<IteratorResult<Uint8Array>> {
    passing.stop();
    await bytes.return(undefined);
    resolve(guard.summary);
    return { done: true, value: undefined };
  }
  return { bytes: { [Symbol.asyncIterator]: () => ({ next, return: stop }) }, summary: promise };
}
