/** What the matchers of all sessions of a process may hold together: 120 MB (STATE_BYTES of ByteMatcher each). */
const ALL_STATES = 12_000_000;

export interface Holder {
  /** Gives up all that it holds: from now on it looks for nothing, and says so. */
  overflow(): void;
}

/**
 * Shares the room for known values among sessions. Where there is none left, the session that holds most gives up
 * its part: one that reads Secrets by the thousand does not keep the others from being searched.
 */
export class ValuesBudget {
  readonly #held = new Map<Holder, number>();
  #total = 0;

  /** False where the holder has to make do without, since it holds most itself. */
  take(holder: Holder, states: number): boolean {
    while (this.#total + states > ALL_STATES) {
      const [largest, held] = [...this.#held].reduce((a, b) => (b[1] > a[1] ? b : a), [holder, 0] as [Holder, number]);
      if (largest === holder || held < (this.#held.get(holder) ?? 0) + states) return false;
      this.release(largest);
      largest.overflow();
    }
    this.#total += states;
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + states);
    return true;
  }

  release(holder: Holder): void {
    this.#total -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }
}
