import { Refusal, toRefusal } from "../../base/errors.ts";
import type { ReplyHooks, ReplySummary, ToolCall, ToolCallVerdict } from "../types.ts";
import { SseError, type SseEvent, type SseLimits, SseReader } from "./sse-reader.ts";
import { Upstream, UpstreamError } from "./upstream.ts";

/** Why a reply is read no further: for the record and the client, so it quotes nothing of the reply. */
export class BrokenReply extends Error {
  override readonly name = "BrokenReply";
}

/** Reads the events of one dialect: what may go out, what is held, and which tool calls are whole. No I/O, no time. */
export interface EventGuard {
  readonly summary: ReplySummary;
  /** Tool calls that the event made whole, in order: each is settled before the next event is read. Throws BrokenReply. */
  read(event: SseEvent): ToolCall[];
  settle(call: ToolCall, verdict: ToolCallVerdict): void;
  /** Bytes that may go out by now, each once. */
  take(): Uint8Array[];
  /** Something is held back, so that the client would hear nothing. */
  readonly holding: boolean;
  /** What follows is neither read nor passed on. */
  readonly ended: boolean;
  /** The stream is over. Throws BrokenReply where the reply is not. */
  end(): void;
  /** What keeps a client waiting, and what ends a reply that is broken off; `status` as an answer would have it. */
  readonly ping: Uint8Array;
  error(message: string, status: number): Uint8Array;
}

export interface GuardedReply {
  /** To be read once. Who stops reading cancels the provider's stream. */
  bytes: AsyncIterable<Uint8Array>;
  /** Settles when the bytes ended, in whatever way, or reading was stopped. Never rejects. */
  summary: Promise<ReplySummary>;
}

export interface StreamLimits extends SseLimits {
  /** What is read ahead from the provider while a call is decided, so that it does not give up: 1 MiB where absent. */
  aheadBytes?: number;
}

const PING_MS = 10_000;
const AHEAD_BYTES = 1_048_576;

/**
 * Passes a provider's event stream on as the guard lets it, and asks the hook about tool calls. Bytes go out as soon as
 * their event is whole; the provider is read no faster than the client reads, a bounded piece aside while a call is
 * decided. Whatever goes wrong ends the bytes with the dialect's error event, and stands in the summary.
 */
export function guardStream(
  upstream: AsyncIterable<Uint8Array>,
  guard: EventGuard,
  hooks: ReplyHooks,
  limits: StreamLimits = {},
): GuardedReply {
  const { promise, resolve } = Promise.withResolvers<ReplySummary>();
  const source = new Upstream(upstream, limits.aheadBytes ?? AHEAD_BYTES);
  const bytes = passOn(source, guard, hooks, limits);
  let finished = false;
  const finish = (): void => {
    if (finished) return;
    finished = true;
    source.cancel();
    resolve(guard.summary);
  };
  async function next(): Promise<IteratorResult<Uint8Array>> {
    const result = await bytes.next();
    if (result.done) finish();
    return result;
  }
  async function stop(): Promise<IteratorResult<Uint8Array>> {
    if (!finished) guard.summary.broken ??= "the client stopped reading";
    finish();
    // A call that is being decided is waited for by nobody: the generator ends where it stands.
    bytes.return(undefined).catch(() => {});
    return { done: true, value: undefined };
  }
  return { bytes: { [Symbol.asyncIterator]: () => ({ next, return: stop }) }, summary: promise };
}

async function* passOn(
  source: Upstream,
  guard: EventGuard,
  hooks: ReplyHooks,
  limits: StreamLimits,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new SseReader(limits);
  const pingMs = hooks.pingMs ?? PING_MS;
  let heard = performance.now();

  function* out(pieces: Uint8Array[]): Generator<Uint8Array, void, undefined> {
    const [first, ...others] = pieces;
    if (first === undefined) return;
    heard = performance.now();
    // What one chunk lets out goes out in one piece: a write of its own for each event costs more than reading it.
    yield others.length === 0 ? first : Buffer.concat(pieces);
  }
  /** Waits, and lets the client hear something every `pingMs`, counted from what it heard last. */
  async function* pingUntil(promise: Promise<unknown>): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const left = heard + pingMs - performance.now();
      if (left > 0 && (await source.settles(promise, left))) return;
      yield* out([guard.ping]);
    }
  }

  try {
    while (!guard.ended) {
      const pending = source.next();
      // Its rejection is read below; who stops reading first leaves it to nobody.
      pending.catch(() => {});
      if (guard.holding) yield* pingUntil(pending);
      const chunk = await pending;
      if (source.cancelled) return;
      for (const event of chunk === undefined ? reader.end() : reader.push(chunk)) {
        for (const call of guard.read(event)) {
          yield* out(guard.take());
          const verdict = (async () => hooks.toolCall(call))();
          verdict.catch(() => {});
          source.readAhead();
          yield* pingUntil(verdict);
          if (source.cancelled) return;
          guard.settle(call, await verdict);
        }
        if (guard.ended) break;
      }
      if (chunk === undefined && !guard.ended) guard.end();
      yield* out(guard.take());
      if (chunk === undefined) return;
    }
  } catch (error) {
    if (source.cancelled) return;
    const { why, status } = whyBroken(error);
    guard.summary.broken = why;
    yield* out(guard.take());
    yield* out([guard.error(`The gateway ended this reply: ${why}.`, status)]);
  }
}

/** Its words go to the client and to the record. A Refusal that the provider's stream throws is whoever ended it. */
function whyBroken(error: unknown): { why: string; status: number } {
  if (error instanceof BrokenReply) return { why: error.message, status: 502 };
  if (error instanceof SseError) return { why: `of the event stream, ${error.message}`, status: 502 };
  const thrown = error instanceof UpstreamError && error.cause instanceof Refusal ? error.cause : error;
  if (thrown instanceof UpstreamError) return { why: thrown.message, status: 502 };
  const { message, status } = toRefusal(thrown);
  return { why: message, status };
}
