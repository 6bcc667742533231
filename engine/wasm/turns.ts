interface Turn {
  bytes: number;
  start(): void;
  refuse(error: Error): void;
}

/**
 * Who is next where one at a time is served: the smallest, and of equals the first. In the order of arrival a
 * dozen bodies of two megabytes kept everybody else's 40 KB waiting for 20 to 30 s [measured]; and where no more
 * may wait, the largest gives up its place.
 */
export class Turns {
  readonly #waiting: Turn[] = [];
  readonly #limit: number;
  #taken = false;

  /** `limit`: how many may be served and wait, together. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs the work when its turn comes. Rejects where too many wait. */
  async take<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#taken) await this.#wait(bytes);
    else this.#taken = true;
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken = false;
      else next.start();
    }
  }

  #wait(bytes: number): Promise<void> {
    return new Promise((start, refuse) => {
      const at = this.#waiting.findIndex((other) => other.bytes > bytes);
      this.#waiting.splice(at === -1 ? this.#waiting.length : at, 0, { bytes, start, refuse });
      if (this.#waiting.length < this.#limit) return;
      this.#waiting.pop()?.refuse(new Error("too many large inputs are waiting"));
    });
  }

  get idle(): boolean {
    return !this.#taken;
  }
}
