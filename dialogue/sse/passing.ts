import { Refusal } from "../../base/errors.ts";
import type { ReplyHooks, ReplySummary, ToolCall } from "../types.ts";
import { BrokenReply, whyBroken } from "./broken-reply.ts";
import type { EventGuard } from "./event-guard.ts";
import { joined } from "./joined.ts";
import { type SseEvent, type SseLimits, SseReader } from "./sse-reader.ts";

export interface StreamOptions extends SseLimits {
  /** What is read from the provider while a call is decided, so that it does not give up: 1 MiB where absent. */
  aheadBytes?: number;
  /** Ends the reply with an error event: the session is over. Its reason's words are the client's where it is a Refusal. */
  signal?: AbortSignal;
}

/** Where a reply goes, and what says when there is more of it to read. */
export interface ReplySink {
  /** Returns false to ask for a pause, until `drained` is called. */
  write(bytes: Uint8Array): boolean;
  /** The reply is over: the provider is read no further, and nothing is written any more. */
  end(): void;
  /** The provider may be read again, since `push` returned false. */
  more(): void;
}

const PING_MS = 10_000;
const AHEAD_BYTES = 1_048_576;

/**
 * One reply on its way from a provider to a client: what comes is pushed, and what may go out is written, in the same turn where
 * nothing stands in its way. Begins with `drained`; the provider is read no faster than the client reads, a bounded piece aside
 * while a call is decided.
 */
export class Passing {
  readonly #guard: EventGuard;
  readonly #hooks: ReplyHooks;
  readonly #sink: ReplySink;
  readonly #aheadBytes: number;
  readonly #signal: AbortSignal | undefined;
  readonly #reader: SseReader;
  /** The client reads. */
  #room = false;
  /** The sink is to be told once there is more to read. */
  #paused = true;
  /** Bytes that were read since a call is undecided. */
  #ahead = 0;
  /** The provider's stream has ended. */
  #over = false;
  #closed = false;
  /** Why it is read no further. */
  #failure: { error: unknown } | undefined;
  #heard = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(guard: EventGuard, hooks: ReplyHooks, sink: ReplySink, options: StreamOptions) {
    this.#guard = guard;
    this.#hooks = hooks;
    this.#sink = sink;
    this.#aheadBytes = options.aheadBytes ?? AHEAD_BYTES;
    this.#signal = options.signal;
    this.#reader = new SseReader(options);
    if (this.#signal?.aborted) this.#abort();
    this.#signal?.addEventListener("abort", this.#abort, { once: true });
  }

  get summary(): ReplySummary {
    return this.#guard.summary;
  }

  /** What the provider sent. Returns false to ask for a pause. */
  push(chunk: Uint8Array): boolean {
    if (this.#reads) {
      this.#ahead = this.#guard.undecided ? this.#ahead + chunk.length : 0;
      try {
        this.#read(this.#reader.push(chunk));
      } catch (error) {
        this.#failure = { error };
      }
      this.#flush();
    }
    this.#paused = !this.#wants;
    return !this.#paused;
  }

  /** The provider's stream came to its end. */
  end(): void {
    if (!this.#reads) return;
    this.#over = true;
    try {
      if (!this.#read(this.#reader.end())) this.#guard.end();
    } catch (error) {
      this.#failure = { error };
    }
    this.#flush();
  }

  /** The provider's stream failed: connections end in whatever way behind a reply that is whole. */
  fail(cause: unknown): void {
    if (!this.#reads) return;
    this.#over = true;
    if (!this.#cameWhole()) {
      this.#failure = { error: cause instanceof Refusal ? cause : new BrokenReply("the provider's stream failed") };
    }
    this.#flush();
  }

  /** The client reads on, or begins to. */
  drained(): void {
    this.#room = true;
    this.#go();
  }

  /** The client reads no more. */
  stop(): void {
    const whole = this.#cameWhole() && !this.#guard.waiting;
    if (!this.#closed && !whole) this.#guard.summary.broken ??= "the client stopped reading";
    this.#close();
  }

  /** Whether what comes from the provider counts. */
  get #reads(): boolean {
    return !this.#over && !this.#closed && this.#failure === undefined && !this.#guard.ended;
  }

  get #wants(): boolean {
    return this.#room && this.#reads && !(this.#guard.undecided && this.#ahead >= this.#aheadBytes);
  }

  readonly #abort = (): void => {
    if (this.#guard.waiting || !this.#cameWhole()) {
      const reason: unknown = this.#signal?.reason;
      this.#failure ??= { error: reason instanceof Refusal ? reason : new BrokenReply("it was ended") };
    }
    this.#go();
  };

  #cameWhole(): boolean {
    try {
      this.#guard.end();
      return true;
    } catch {
      return false;
    }
  }

  /** True where the guard reads no further. */
  #read(events: Iterable<SseEvent>): boolean {
    for (const event of events) {
      for (const call of this.#guard.read(event)) void this.#ask(call);
      if (this.#guard.ended) return true;
    }
    return false;
  }

  async #ask(call: ToolCall): Promise<void> {
    try {
      this.#guard.settle(call, await this.#hooks.toolCall(call));
    } catch (error) {
      this.#guard.fail(call, error);
    }
    this.#go();
  }

  #go(): void {
    this.#flush();
    if (!this.#paused || !this.#wants) return;
    this.#paused = false;
    this.#sink.more();
  }

  /** Writes what may go out, in one piece for what one chunk lets out, and ends the reply where it is at its end. */
  #flush(): void {
    if (this.#closed || !this.#room) return;
    try {
      for (let pieces = this.#guard.take(); pieces.length > 0; pieces = this.#guard.take()) {
        this.#write(joined(pieces));
        if (!this.#room) return;
      }
      if (!this.#guard.undecided || this.#signal?.aborted) {
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#over || this.#guard.ended) this.#finish();
      }
    } catch (error) {
      const { why, status } = whyBroken(error);
      this.#guard.summary.broken = why;
      this.#write(this.#guard.error(`The gateway ended this reply: ${why}.`, status));
      this.#finish();
    }
    if (this.#guard.waiting && this.#timer === undefined) this.#wait();
  }

  /** The client has to hear something while it waits, so often, counted from what it heard last. */
  #wait(): void {
    if (this.#closed) return;
    const left = this.#heard + (this.#hooks.pingMs ?? PING_MS) - performance.now();
    this.#timer = setTimeout(() => this.#ping(), Math.max(0, left));
  }

  #ping(): void {
    this.#timer = undefined;
    // Who does not read is waited for in `#flush`.
    if (!this.#guard.waiting || !this.#room) return;
    if (performance.now() >= this.#heard + (this.#hooks.pingMs ?? PING_MS)) this.#write(this.#guard.ping);
    if (this.#room) this.#wait();
  }

  #write(bytes: Uint8Array): void {
    this.#heard = performance.now();
    this.#room = this.#sink.write(bytes);
  }

  #finish(): void {
    this.#close();
    this.#sink.end();
  }

  #close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#abort);
  }
}
