interface Asked {
  running: Promise<unknown>;
  next?: Promise<unknown>;
}

/**
 * What many ask of the approvals home at once is asked once: a thousand identical requests would else stand in line
 * for a thousand answers that are all the same, and others' holds behind them.
 */
export class SharedAsks {
  readonly #finding = new Map<string, Asked>();
  readonly #opening = new Map<string, Promise<unknown>>();

  /** An answer that was asked for after now: one that is on its way may not know of what happened meanwhile. */
  find<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const asked = this.#finding.get(key);
    if (asked === undefined) return this.#start(key, ask);
    asked.next ??= asked.running.then(
      () => this.#start(key, ask),
      () => this.#start(key, ask),
    );
    return asked.next as Promise<T>;
  }

  #start<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const running = ask();
    const asked: Asked = { running };
    this.#finding.set(key, asked);
    const over = (): void => {
      if (this.#finding.get(key) === asked && asked.next === undefined) this.#finding.delete(key);
    };
    running.then(over, over);
    return running;
  }

  /** `first`: whether it was asked for this one; the others get what it brought. */
  async open<T>(key: string, ask: () => Promise<T>): Promise<{ answer: T; first: boolean }> {
    const known = this.#opening.get(key) as Promise<T> | undefined;
    if (known !== undefined) return { answer: await known, first: false };
    const opening = ask().finally(() => this.#opening.delete(key));
    this.#opening.set(key, opening);
    return { answer: await opening, first: true };
  }
}
