/** What a provider's stream threw; `cause` is it. */
export class UpstreamError extends Error {
  override readonly name = "UpstreamError";
}

/**
 * A provider's stream, read on demand; ahead of demand only after `readAhead`, up to a bound, until the next chunk is
 * asked for. Cancelling ends every wait at once, whatever the stream is doing.
 */
export class Upstream {
  cancelled = false;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #aheadBytes: number;
  readonly #ahead: Promise<Uint8Array | undefined>[] = [];
  #aheadHeld = 0;
  #goesAhead = false;
  #filling = false;
  #ended = false;
  readonly #waits = new Set<() => void>();

  constructor(stream: AsyncIterable<Uint8Array>, aheadBytes: number) {
    this.#iterator = stream[Symbol.asyncIterator]();
    this.#aheadBytes = aheadBytes;
  }

  /** The next chunk; undefined at the end, and once cancelled. Throws UpstreamError. */
  async next(): Promise<Uint8Array | undefined> {
    this.#goesAhead = false;
    const ahead = this.#ahead.shift();
    const pending = ahead ?? this.#pull();
    await this.settles(pending);
    if (this.cancelled) return undefined;
    const chunk = await pending;
    if (ahead !== undefined) this.#aheadHeld -= chunk?.length ?? 0;
    return chunk;
  }

  /** Goes on reading while something else is waited for. */
  readAhead(): void {
    this.#goesAhead = true;
    if (!this.#filling) void this.#fill();
  }

  /**
   * Whether the promise settled before `ms` passed; waits as long as it takes where absent. True once cancelled, which
   * leaves the promise to itself.
   */
  settles(promise: Promise<unknown>, ms?: number): Promise<boolean> {
    if (this.cancelled) {
      promise.catch(() => {});
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const settle = (settled: boolean): void => {
        clearTimeout(timer);
        this.#waits.delete(wake);
        resolve(settled);
      };
      const wake = (): void => settle(true);
      const timer = ms === undefined ? undefined : setTimeout(settle, ms, false);
      this.#waits.add(wake);
      promise.then(wake, wake);
    });
  }

  cancel(): void {
    if (this.cancelled) return;
    this.cancelled = true;
    for (const wake of [...this.#waits]) wake();
    if (!this.#ended) this.#iterator.return?.().catch(() => {});
    this.#ended = true;
  }

  async #fill(): Promise<void> {
    this.#filling = true;
    while (this.#goesAhead && !this.#ended && this.#aheadHeld < this.#aheadBytes) {
      const pending = this.#pull();
      this.#ahead.push(pending);
      // What it throws is thrown to who takes it.
      this.#aheadHeld += (await pending.catch(() => undefined))?.length ?? 0;
    }
    this.#filling = false;
  }

  async #pull(): Promise<Uint8Array | undefined> {
    if (this.#ended) return undefined;
    try {
      const result = await this.#iterator.next();
      if (!result.done) return result.value;
      this.#ended = true;
      return undefined;
    } catch (cause) {
      this.#ended = true;
      throw new UpstreamError("the provider's stream failed", { cause });
    }
  }
}
