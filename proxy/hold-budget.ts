import type { Clock } from "../base/clock.ts";

interface Burst {
  /** Milliseconds since the epoch at which every hold of the burst has waited long enough. */
  deadline: number;
  lastEnd: number;
  active: number;
}

/** How long after a burst's end its session starts with a whole budget again. */
const QUIET_MS = 30_000;

/**
 * How long a connection may be held. One budget serves a digest and a session's burst: kubectl asks twice when
 * exec is refused, one after the other, and `apply -f dir/` asks for each file; each with a wait of its own
 * would outlast the agent's patience many times over (design §3, "Holds").
 */
export class HoldBudget {
  readonly #bursts = new Map<string, Burst>();
  readonly #clock: Clock;
  readonly #drained = new AbortController();
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds that this hold may wait, 0 where the budget is spent. `end` must be called when the wait is over. */
  start(sessionId: string, holdSeconds: number): { waitMs: number; drained: AbortSignal; end: () => void } {
    const now = this.#clock.now();
    this.#forgetOld(now);
    let burst = this.#bursts.get(sessionId);
    if (burst === undefined || (burst.active === 0 && now - burst.lastEnd > QUIET_MS)) {
      burst = { deadline: now + holdSeconds * 1000, lastEnd: now, active: 0 };
      this.#bursts.set(sessionId, burst);
    }
    const mine = burst;
    const waitMs = Math.max(0, Math.min(mine.deadline - now, holdSeconds * 1000));
    // What is refused at once is no wait: a client that asks every few seconds is held again after the quiet time.
    let ended = waitMs === 0;
    if (!ended) mine.active += 1;
    return {
      drained: this.#drained.signal,
      waitMs,
      end: () => {
        if (ended) return;
        ended = true;
        mine.active -= 1;
        mine.lastEnd = this.#clock.now();
      },
    };
  }

  /** An approval came: the session's next hold has a whole budget again, since its human is there. */
  refresh(sessionId: string): void {
    this.#bursts.delete(sessionId);
  }

  /** The gateway shuts down: every hold answers now. What it held stays pending, and its approval counts later. */
  endAll(): void {
    this.#drained.abort();
  }

  #forgetOld(now: number): void {
    if (this.#bursts.size < 1000) return;
    for (const [id, burst] of this.#bursts) {
      if (burst.active === 0 && now - burst.lastEnd > QUIET_MS) this.#bursts.delete(id);
    }
  }
}
