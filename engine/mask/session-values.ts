import { KnownValues } from "./known-values.ts";
import { ValuesBudget } from "./values-budget.ts";

/** As many as are known to be open (proxy/open-sessions.ts). */
const SESSIONS = 100_000;

/** The known values of each session of this process, until it ends. */
export class SessionValues {
  readonly #sessions = new Map<string, KnownValues>();
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
    this.#sessions.get(sessionId)?.forget();
    this.#sessions.delete(sessionId);
  }

  get size(): number {
    return this.#sessions.size;
  }
}
