import { Refusal } from "../../base/errors.ts";
import { Bell } from "../sse/bell.ts";
import { BrokenReply, whyBroken } from "../sse/broken-reply.ts";
import type { GuardedReply } from "../sse/guard-stream.ts";
import { type SseEvent, SseReader } from "../sse/sse-reader.ts";
import type { ReplyHooks, ReplySummary } from "../types.ts";
import { Outlet } from "./outlet.ts";
import { ProviderFailed } from "./provider-failed.ts";

export interface GuardOptions {
  /** Bytes of a tool call's arguments, at most; a longer one ends the reply. */
  callBytes?: number;
  /** Bytes that are held back while calls are decided: the provider is read no further, until less is. */
  heldBytes?: number;
  /** How long the client hears comments alone before it hears an event: some know no comments (responses only). */
  keepaliveMs?: number;
  /** Ends the reply: the client is gone, or the session over. */
  signal?: AbortSignal;
}

export const CALL_BYTES = 8 * 1024 * 1024;
const HELD_BYTES = 32 * 1024 * 1024;
const PING_MS = 10_000;
const LEFT = "the client stopped reading";

/** What a dialect makes of the events of a reply. */
export interface ReplyReader {
  /** Throws BrokenReply or ProviderFailed. */
  event(event: SseEvent, outlet: Outlet): void;
  /** The client has got, or will get, everything: how the provider's connection ends is nobody's matter. */
  readonly complete: boolean;
  /** The provider's stream is over. Throws BrokenReply; answers what was amiss where the client has everything. */
  end(): string | undefined;
  /** A sign of life. `quiet`: no event went out for long. */
  ping(quiet: boolean): Uint8Array;
  /** The event that ends a reply in this dialect; `status` as an answer would have it. */
  error(message: string, status: number): Uint8Array;
  summary(): ReplySummary;
}

/** What a reader of a dialect needs of the stream that it reads. */
export interface Wire {
  hooks: ReplyHooks;
  callBytes: number;
  /** A decision came. */
  decided(): void;
  /** There will be none: the reply ends. */
  failed(error: unknown): void;
}

/** Passes a provider's stream on, as `reader` has it: what is free at once, what is held back in its turn. */
export function guardStream(
  upstream: AsyncIterable<Uint8Array>,
  hooks: ReplyHooks,
  options: GuardOptions,
  readerOf: (wire: Wire) => ReplyReader,
): GuardedReply {
  const summary = Promise.withResolvers<ReplySummary>();
  const { signal } = options;
  const heldLimit = options.heldBytes ?? HELD_BYTES;
  const outlet = new Outlet();
  const sse = new SseReader();
  const source = upstream[Symbol.asyncIterator]();
  const bell = new Bell();
  const wake = (): void => bell.ring();
  let failure: unknown;
  const fail = (error: unknown): void => {
    failure ??= error ?? new Error("a decision failed");
    wake();
  };
  const reader = readerOf({ hooks, callBytes: options.callBytes ?? CALL_BYTES, decided: wake, failed: fail });
  let started = false;
  let closed = false;
  let over = false;
  let reading = false;
  let chunk: Uint8Array | undefined;

  const read = (): void => {
    reading = true;
    source.next().then(
      (result) => {
        reading = false;
        if (result.done === true) over = true;
        else chunk = result.value;
        wake();
      },
      (error: unknown) => {
        over = true;
        if (reader.complete && !(error instanceof Refusal)) {
          wake();
          return;
        }
        // A Refusal that the provider's stream throws is whoever ended it.
        fail(error instanceof Refusal ? error : new BrokenReply("the connection to the provider broke"));
      },
    );
  };

  async function* run(): AsyncGenerator<Uint8Array, void, undefined> {
    let broken: string | undefined = LEFT;
    let lastOut = performance.now();
    let lastEvent = lastOut;
    let ended = false;
    const abort = (): void => fail(signal?.reason instanceof Refusal ? signal.reason : new BrokenReply("it was ended"));
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
    try {
      while (!closed) {
        let bytes: Uint8Array | undefined;
        try {
          if (failure === undefined && chunk !== undefined) {
            const pushed = chunk;
            chunk = undefined;
            for (const event of sse.push(pushed)) reader.event(event, outlet);
            if (outlet.heldBytes > heldLimit && !outlet.undecided) {
              throw new BrokenReply(`more than ${heldLimit} bytes came while a tool call was not whole`);
            }
          } else if (failure === undefined && over && !ended) {
            ended = true;
            for (const event of sse.end()) reader.event(event, outlet);
            broken = reader.end();
          }
        } catch (error) {
          failure ??= error;
        }
        try {
          bytes = outlet.take();
        } catch (error) {
          failure ??= error;
        }
        if (bytes !== undefined) {
          yield bytes;
          lastOut = performance.now();
          lastEvent = lastOut;
        }
        if (failure !== undefined) {
          const { why, status } = whyBroken(failure);
          broken = why;
          const said = `The gateway ended this reply: ${why}.`;
          yield failure instanceof ProviderFailed ? failure.bytes : reader.error(said, status);
          return;
        }
        if (ended && !outlet.waiting) return;
        if (!over && !reading && chunk === undefined && (outlet.heldBytes <= heldLimit || !outlet.undecided)) read();
        if (chunk !== undefined || (over && !ended)) continue;
        const patience = outlet.waiting
          ? Math.max(0, lastOut + (hooks.pingMs ?? PING_MS) - performance.now())
          : undefined;
        if (!(await bell.wait(patience))) {
          const now = performance.now();
          const quiet = now - lastEvent >= (options.keepaliveMs ?? Number.POSITIVE_INFINITY);
          yield reader.ping(quiet);
          lastOut = now;
          if (quiet) lastEvent = now;
        }
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      if (closed && failure === undefined) broken = LEFT;
      summary.resolve({ ...reader.summary(), ...(broken === undefined ? {} : { broken }) });
      if (!over) void source.return?.()?.then(undefined, () => undefined); // nobody waits for it any more
    }
  }

  const running = run();
  const bytes: AsyncIterableIterator<Uint8Array> = {
    next: () => {
      started = true;
      return running.next();
    },
    // A generator that waits hears of its end only once it is woken.
    return: async () => {
      closed = true;
      wake();
      await running.return();
      if (!started) void source.return?.()?.then(undefined, () => undefined);
      summary.resolve({ ...reader.summary(), broken: LEFT });
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => bytes,
  };
  return { bytes, summary: summary.promise };
}
