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
  const source = upstream[Symbol.asyncIterator]();
  let over = false;
  let ended = false;
  /** Who reads, and has got nothing yet. */
  let reader: ((result: IteratorResult<Uint8Array>) => void) | undefined;
  const give = (result: IteratorResult<Uint8Array>): void => {
    reader?.(result);
    reader = undefined;
  };
  const close = (): void => {
    if (ended) return;
    ended = true;
    if (!over) source.return?.().catch(() => {});
    resolve(guard.summary);
    give(DONE);
  };
  const passing = new Passing(
    guard,
    hooks,
    {
      // The next one is for who asks next.
      write(value) {
        give({ done: false, value });
        return false;
      },
      end: close,
      more: () => void readOn(),
    },
    options,
  );
  async function readOn(): Promise<void> {
    try {
      for (let more = true; more; ) {
        const { done, value } = await source.next();
        over = done === true;
        if (over) return passing.end();
        more = passing.push(value as Uint8Array);
      }
    } catch (error) {
      over = true;
      passing.fail(error);
    }
  }
  const bytes = {
    next: (): Promise<IteratorResult<Uint8Array>> =>
      new Promise((asked) => {
        if (ended) return asked(DONE);
        reader = asked;
        passing.drained();
      }),
    async return(): Promise<IteratorResult<Uint8Array>> {
      passing.stop();
      close();
      return DONE;
    },
  };
  return { bytes: { [Symbol.asyncIterator]: () => bytes }, summary: promise };
}

const DONE: IteratorResult<Uint8Array> = { done: true, value: undefined };
