import type { Clock } from "../../base/clock.ts";
import type { Decided } from "../exchange.ts";

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

  /**
   * Milliseconds that this hold may wait, 0 where one of its budgets is spent. `keys` are what has a budget: the
   * session, and the request's digest, which another session may ask for. `end` must be called when the wait is over.
   */
  start(keys: readonly string[], holdSeconds: number): { waitMs: number; drained: AbortSignal; end: () => void } {
    // Where nobody is to wait nothing is spent: other requests of the session may be waited for.
    if (holdSeconds === 0) return { waitMs: 0, drained: this.#drained.signal, end: () => {} };
    const now = this.#clock.now();
    this.#forgetOld(now);
    const bursts = keys.map((key) => this.#burst(key, now, holdSeconds));
    const deadline = Math.min(...bursts.map((burst) => burst.deadline));
    const waitMs = Math.max(0, Math.min(deadline - now, holdSeconds * 1000));
    // What is refused at once is no wait: a client that asks every few seconds is held again after the quiet time.
    let ended = waitMs === 0;
    if (!ended) for (const burst of bursts) burst.active += 1;
    return {
      drained: this.#drained.signal,
      waitMs,
      end: () => {
        if (ended) return;
        ended = true;
        for (const burst of bursts) {
          burst.active -= 1;
          burst.lastEnd = this.#clock.now();
        }
      },
    };
  }

  #burst(key: string, now: number, holdSeconds: number): Burst {
    const known = this.#bursts.get(key);
    if (known !== undefined && (known.active > 0 || now - known.lastEnd <= QUIET_MS)) return known;
    const burst = { deadline: now + holdSeconds * 1000, lastEnd: now, active: 0 };
    this.#bursts.set(key, burst);
    return burst;
  }

  /** An approval came: the next hold has a whole budget again, since its human is there. */
  refresh(keys: readonly string[]): void {
    for (const key of keys) this.#bursts.delete(key);
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

/** What has a budget of an exchange. */
export function budgetKeys({ session, input }: Decided): string[] {
  return [`session/${session.id}`, `digest/${input.request.digest}`];
}
