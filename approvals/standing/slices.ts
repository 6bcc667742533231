import { setImmediate } from "node:timers/promises";

/** A piece of work that the data path waits for at most so long: what follows it must come to an end as well. */
const SLICE_MS = 2;

/** Gives the event loop its turn between pieces of long work, and not between each two of them. */
export class Slices {
  #since = performance.now();

  /** Resolves at once until the slice is over; awaited between pieces that each take far less than one. */
  async turn(): Promise<void> {
    if (performance.now() - this.#since < SLICE_MS) return;
    await setImmediate();
    this.#since = performance.now();
  }

  /** Whether `turn` would wait: asking is cheaper than a promise for each of ten thousand pieces. */
  get over(): boolean {
    return performance.now() - this.#since >= SLICE_MS;
  }
}
