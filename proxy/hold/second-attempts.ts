import type { Clock } from "../../base/clock.ts";

/** A use of an approval that reached no pod. */
export interface FreedUse {
  approval: string;
  /** The exchange that it was spent on. */
  spentAs: string;
}

/** kubectl asks again at once; the same time as a hold's burst. */
const WITHIN_MS = 30_000;
const LIMIT = 1_000;

/**
 * kubectl tries exec over WebSocket, and over SPDY where that was refused: with roles that grant `create` on
 * pods/exec and no `get`, always (kubernetes 78741). The two are one use of one approval, so what the first attempt
 * spent in vain is kept for the second: of the same session, for the same request.
 */
export class SecondAttempts {
  readonly #freed = new Map<string, FreedUse & { until: number }>();
  readonly #clock: Clock;
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  offer(sessionId: string, digest: string, use: FreedUse): void {
    if (this.#freed.size >= LIMIT) this.#forgetLate();
    if (this.#freed.size < LIMIT) {
      this.#freed.set(`${sessionId} ${digest}`, { ...use, until: this.#clock.now() + WITHIN_MS });
    }
  }

  /** Once, unless it is freed again. */
  take(sessionId: string, digest: string): FreedUse | undefined {
    const key = `${sessionId} ${digest}`;
    const freed = this.#freed.get(key);
    this.#freed.delete(key);
    return freed !== undefined && freed.until > this.#clock.now() ? freed : undefined;
  }

  #forgetLate(): void {
    const now = this.#clock.now();
    for (const [key, { until }] of this.#freed) if (until <= now) this.#freed.delete(key);
  }
}
