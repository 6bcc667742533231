import { Refusal, toRefusal } from "../../base/errors.ts";
import type { ReplyHooks, ReplySummary, ToolCall, ToolCallVerdict } from "../types.ts";
import { Bell } from "./bell.ts";
import { SseError, type SseEvent, type SseLimits, SseReader } from "./sse-reader.ts";

/** Why a reply is read no further: for the record and the client, so it quotes nothing of the reply. */
export class BrokenReply extends Error {
  override readonly name = "BrokenReply";
}

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

export interface GuardedReply {
  /** To be read once. Who stops reading cancels the provider's stream. */
  bytes: AsyncIterable<Uint8Array>;
  /** Settles when the bytes ended, in whatever way, or reading was stopped. Never rejects. */
  summary: Promise<ReplySummary>;
}

export interface StreamOptions extends SseLimits {
  /** What is read from the provider while a call is decided, so that it does not give up: 1 MiB where absent. */
  aheadBytes?: number;
  /** Ends the reply with an error event: the session is over. Its reason's words are the client's where it is a Refusal. */
  signal?: AbortSignal;
}

const PING_MS = 10_000;
const AHEAD_BYTES = 1_048_576;

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

/** One reply on its way. */
class Passing {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #guard: EventGuard;
  readonly #hooks: ReplyHooks;
  readonly #options: StreamOptions;
  readonly #reader: SseReader;
  readonly #bell = new Bell();
  #chunk: IteratorResult<Uint8Array> | undefined;
  #reading = false;
  /** Bytes that were read since a call is undecided. */
  #ahead = 0;
  #over = false;
  #stopped = false;
  #closed = false;
  /** Why it is read no further. */
  #failure: { error: unknown } | undefined;
  #heard = performance.now();

  constructor(upstream: AsyncIterable<Uint8Array>, guard: EventGuard, hooks: ReplyHooks, options: StreamOptions) {
    this.#source = upstream[Symbol.asyncIterator]();
    this.#guard = guard;
    this.#hooks = hooks;
    this.#options = options;
    this.#reader = new SseReader(options);
  }

  /** The client reads no more: wakes the generator, which ends at its next step. */
  stop(): void {
    if (!this.#closed && !this.#isWhole()) this.#guard.summary.broken ??= "the client stopped reading";
    this.#stopped = true;
    this.#bell.ring();
    this.#close();
  }

  /** Some clients stop reading at the reply's own end. */
  #isWhole(): boolean {
    if (this.#guard.waiting) return false;
    try {
      this.#guard.end();
      return true;
    } catch {
      return false;
    }
  }

  async *run(): AsyncGenerator<Uint8Array, void, undefined> {
    const { signal } = this.#options;
    const abort = (): void =>
      this.#fail(signal?.reason instanceof Refusal ? signal.reason : new BrokenReply("it was ended"));
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    try {
      while (!this.#stopped) {
        for (let pieces = this.#guard.take(); pieces.length > 0; pieces = this.#guard.take()) yield* this.#out(pieces);
        if (!this.#guard.undecided || signal?.aborted) {
          if (this.#failure !== undefined) throw this.#failure.error;
          if (this.#over || this.#guard.ended) return;
        }
        this.#read();
        const patience = this.#patience();
        if (patience === 0) yield* this.#out([this.#guard.ping]);
        else if (await this.#bell.wait(patience)) this.#receive();
      }
    } catch (error) {
      const { why, status } = whyBroken(error);
      this.#guard.summary.broken = why;
      yield this.#guard.error(`The gateway ended this reply: ${why}.`, status);
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#close();
    }
  }

  /** Asks for the next chunk, where it is time to. */
  #read(): void {
    if (this.#reading || this.#over || this.#failure !== undefined || this.#guard.ended) return;
    if (this.#guard.undecided && this.#ahead >= (this.#options.aheadBytes ?? AHEAD_BYTES)) return;
    this.#reading = true;
    this.#source.next().then(
      (chunk) => {
        this.#chunk = chunk;
        this.#bell.ring();
      },
      (cause: unknown) => {
        this.#over = true;
        this.#fail(cause instanceof Refusal ? cause : new BrokenReply("the provider's stream failed"));
      },
    );
  }

  /** Reads the chunk that came, if it was that. What fails is kept until its turn. */
  #receive(): void {
    const chunk = this.#chunk;
    if (chunk === undefined) return;
    this.#chunk = undefined;
    this.#reading = false;
    this.#over = chunk.done === true;
    this.#ahead = this.#guard.undecided && !chunk.done ? this.#ahead + chunk.value.length : 0;
    try {
      for (const event of chunk.done ? this.#reader.end() : this.#reader.push(chunk.value)) {
        for (const call of this.#guard.read(event)) void this.#ask(call);
        if (this.#guard.ended) return;
      }
      if (chunk.done) this.#guard.end();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #ask(call: ToolCall): Promise<void> {
    try {
      this.#guard.settle(call, await this.#hooks.toolCall(call));
    } catch (error) {
      this.#guard.fail(call, error);
    }
    this.#bell.ring();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#bell.ring();
  }

  /** How long to wait before the client has to hear something, counted from what it heard last. */
  #patience(): number | undefined {
    if (!this.#guard.waiting) return undefined;
    return Math.max(0, this.#heard + (this.#hooks.pingMs ?? PING_MS) - performance.now());
  }

  *#out(pieces: Uint8Array[]): Generator<Uint8Array, void, undefined> {
    this.#heard = performance.now();
    // What one chunk lets out goes out in one piece: a write of its own for each event costs more than reading it.
    yield pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#over) this.#source.return?.().catch(() => {});
  }
}

/** Its words go to the client and to the record. A Refusal that the provider's stream throws is whoever ended it. */
function whyBroken(error: unknown): { why: string; status: number } {
  if (error instanceof BrokenReply) return { why: error.message, status: 502 };
  if (error instanceof SseError) return { why: `of the event stream, ${error.message}`, status: 502 };
  const { message, status } = toRefusal(error);
  return { why: message, status };
}
