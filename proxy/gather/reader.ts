import type { Clock } from "../../base/clock.ts";

interface Entry<T> {
  at: number;
  value: Promise<T>;
}

/**
 * Remembers what the gateway's own account read: for a second where policy turns on it (design §2: at most 1 s
 * stale), longer where it hardly ever changes. Bounded, and a failed read is never remembered.
 * A load must not end with the exchange that causes it, since others wait for the same one.
 */
export class Reader {
  readonly #entries = new Map<string, Entry<unknown>>();
  readonly #clock: Clock;
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  read<T>(key: string, maxAgeMs: number, load: () => Promise<T>): Promise<T> {
    const now = this.#clock.now();
    const known = this.#entries.get(key) as Entry<T> | undefined;
    if (known !== undefined && now - known.at < maxAgeMs) return known.value;
    if (this.#entries.size >= 2_000) this.#entries.clear();
    const value = load();
    this.#entries.set(key, { at: now, value });
    value.catch(() => this.#entries.delete(key));
    return value;
  }
}
