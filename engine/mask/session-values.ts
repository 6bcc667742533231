import { KnownValues } from "./known-values.ts";
import { ValuesBudget } from "./values-budget.ts";

/** As many as are known to be open (proxy/open-sessions.ts). */
const SESSIONS = 100_000;

/** What is on its way when its session ends comes on record within so long: the API server's answer, a stream's last frames. */
const LATE_MS = 60_000;
const LATE_LIMIT = 1_000;
const NONE: readonly KnownValues[] = [];

/** The known values of each session of this process, until it ends. */
export class SessionValues {
  readonly #sessions = new Map<string, KnownValues>();
  /** Of sessions that ended a moment ago. */
  readonly #late = new Map<string, KnownValues>();
  readonly #budget = new ValuesBudget();

  of(sessionId: string): KnownValues {
    let known = this.#sessions.get(sessionId);
    if (known === undefined) {
      if (this.#sessions.size >= SESSIONS) this.#forgetEmpty();
      known = new KnownValues(this.#budget);
      this.#sessions.set(sessionId, known);
    }
    return known;
  }

  /** What a session holds that is not forgotten with it is bounded by what all may hold. */
  #forgetEmpty(): void {
    for (const [id, known] of this.#sessions) if (known.size === 0 && known.complete) this.#sessions.delete(id);
  }

  forget(sessionId: string): void {
    const rest = this.#sessions.get(sessionId)?.forget();
    this.#sessions.delete(sessionId);
    if (rest === undefined || rest.size === 0 || this.#late.size >= LATE_LIMIT) return;
    this.#late.set(sessionId, rest);
    setTimeout(() => this.#late.delete(sessionId), LATE_MS).unref();
  }

  /** What is to be looked for in what comes on record of a session, also of one that has just ended; none is made for it. */
  known(sessionId: string): readonly KnownValues[] {
    const now = this.#sessions.get(sessionId);
    const late = this.#late.size === 0 ? undefined : this.#late.get(sessionId);
    // Asked for each event, and most sessions know nothing.
    if (late === undefined && (now === undefined || (now.size === 0 && now.complete))) return NONE;
    return [now, late].filter((one) => one !== undefined && (one.size > 0 || !one.complete)) as KnownValues[];
  }

  get size(): number {
    return this.#sessions.size;
  }
}
