/** What is counted against a limit. */
export interface Amount {
  tokens: number;
  /** In the currency of the prices. */
  cost: number;
  calls: number;
}

const SLICES = 60;

/**
 * What one session or identity has spent within a window that ends now, and what its open replies may yet come to. A window
 * is counted in sixtieths, so that what was spent counts for up to a sixtieth longer than it should.
 */
export class BudgetCounter {
  /** Milliseconds since the epoch of what was counted last. */
  lastAt = 0;
  readonly #sliceMs: number;
  readonly #slices: (Amount & { slice: number })[] = [];
  readonly #spent: Amount = { tokens: 0, cost: 0, calls: 0 };
  readonly #open: Amount = { tokens: 0, cost: 0, calls: 0 };
  #opened = 0;

  /** `windowMs` is absent where what was spent counts for good. */
  constructor(windowMs: number | undefined) {
    this.#sliceMs = windowMs === undefined ? Number.POSITIVE_INFINITY : windowMs / SLICES;
  }

  /** `at`: when it was asked for, in milliseconds since the epoch. */
  spend(amount: Amount, at: number): void {
    this.lastAt = Math.max(this.lastAt, at);
    const slice = this.#sliceOf(at);
    const known = this.#slices.find((one) => one.slice === slice);
    if (known === undefined) {
      this.#slices.push({ slice, ...amount });
      this.#slices.sort((a, b) => a.slice - b.slice);
    } else add(known, amount, 1);
    add(this.#spent, amount, 1);
  }

  /** A reply begins that may come to so much. The returned function is to be called once, when it is over. */
  open(amount: Amount): () => void {
    add(this.#open, amount, 1);
    this.#opened += 1;
    return () => {
      this.#opened -= 1;
      // Sums of fractions do not come back to nothing by themselves.
      if (this.#opened === 0) Object.assign(this.#open, { tokens: 0, cost: 0, calls: 0 });
      else add(this.#open, amount, -1);
    };
  }

  /** `open`: what replies that are under way may come to. */
  at(now: number): { spent: Readonly<Amount>; open: Readonly<Amount>; opened: number } {
    this.#forget(now);
    return { spent: this.#spent, open: this.#open, opened: this.#opened };
  }

  /** When less than `limit` of `what` counts, if nothing more is spent, in milliseconds since the epoch; undefined: never. */
  roomAt(what: keyof Amount, limit: number, now: number): number | undefined {
    this.#forget(now);
    let left = this.#spent[what];
    for (const slice of this.#slices) {
      left -= slice[what];
      if (left < limit) return Number.isFinite(this.#sliceMs) ? (slice.slice + 1 + SLICES) * this.#sliceMs : undefined;
    }
    return undefined;
  }

  #sliceOf(at: number): number {
    return Number.isFinite(this.#sliceMs) ? Math.floor(at / this.#sliceMs) : 0;
  }

  #forget(now: number): void {
    if (!Number.isFinite(this.#sliceMs)) return;
    const first = this.#sliceOf(now) - SLICES;
    while ((this.#slices[0]?.slice ?? first) < first) {
      const old = this.#slices.shift();
      if (old !== undefined) add(this.#spent, old, -1);
    }
    if (this.#slices.length === 0) Object.assign(this.#spent, { tokens: 0, cost: 0, calls: 0 });
  }
}

function add(to: Amount, amount: Amount, times: 1 | -1): void {
  to.tokens += times * amount.tokens;
  to.cost += times * amount.cost;
  to.calls += times * amount.calls;
}
