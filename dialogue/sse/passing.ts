import { Refusal } from "../../base/errors.ts";
import type { ReplyHooks, ToolCall } from "../types.ts";
import { Bell } from "./bell.ts";
import { BrokenReply, whyBroken } from "./broken-reply.ts";
import type { EventGuard } from "./event-guard.ts";
import { type SseLimits, SseReader } from "./sse-reader.ts";

export interface StreamOptions extends SseLimits {
  /** What is read from the provider while a call is decided, so that it does not give up: 1 MiB where absent. */
  aheadBytes?: number;
  /** Ends the reply with an error event: the session is over. Its reason's words are the client's where it is a Refusal. */
  signal?: AbortSignal;
}

const PING_MS = 10_000;
const AHEAD_BYTES = 1_048_576;

/** One reply on its way. */
export class Passing {
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
    const whole = this.#cameWhole() && !this.#guard.waiting;
    if (!this.#closed && !whole) this.#guard.summary.broken ??= "the client stopped reading";
    this.#stopped = true;
    this.#bell.ring();
    this.#close();
  }

  /** Whether the reply came to its own end: connections end in whatever way behind it. */
  #cameWhole(): boolean {
    try {
      this.#guard.end();
      return true;
    } catch {
      return false;
    }
  }

  async *run(): AsyncGenerator<Uint8Array, void, undefined> {
    const { signal } = this.#options;
    const abort = (): void => {
      if (!this.#guard.waiting && this.#cameWhole()) this.#bell.ring();
      else this.#fail(signal?.reason instanceof Refusal ? signal.reason : new BrokenReply("it was ended"));
    };
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
        if (this.#cameWhole()) this.#bell.ring();
        else this.#fail(cause instanceof Refusal ? cause : new BrokenReply("the provider's stream failed"));
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
