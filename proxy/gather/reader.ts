import type { Clock } from "../../base/clock.ts";

interface Entry<T> {
  at: number;
  maxAgeMs: number;
  value: Promise<T>;
}

const LIMIT = 2_000;
const SWEEP_MS = 1_000;

/**
 * Remembers what the gateway's own account read: for a second where policy turns on it (design §2: at most 1 s
 * stale), longer where it hardly ever changes. Bounded, and a failed read is never remembered.
 * A load must not end with the exchange that causes it, since others wait for the same one.
 */
export class Reader {
  readonly #entries = new Map<string, Entry<unknown>>();
  readonly #clock: Clock;
  #swept = 0;
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  read<T>(key: string, maxAgeMs: number, load: () => Promise<T>): Promise<T> {
    const now = this.#clock.now();
    const known = this.#entries.get(key) as Entry<T> | undefined;
    if (known !== undefined && now - known.at < maxAgeMs) return known.value;
    this.#forget(now);
    const value = load();
    this.#entries.set(key, { at: now, maxAgeMs, value });
    value.catch(() => this.#entries.delete(key));
    return value;
  }

  /** What is too old is gone, since it may be the values of a Secret; at most once a second, for it looks at all. */
  #forget(now: number): void {
    if (this.#entries.size >= LIMIT) this.#entries.clear();
    if (now - this.#swept < SWEEP_MS) return;
    this.#swept = now;
    for (const [key, { at, maxAgeMs }] of this.#entries) if (now - at >= maxAgeMs) this.#entries.delete(key);
  }
}
