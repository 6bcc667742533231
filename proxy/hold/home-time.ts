import { errorMessage, Refusal } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

/** Agents give a command 120 s (design §3, "Holds"): 90 s for a human, and this before and after. */
const HOME_MS = 10_000;

/**
 * What a hold may wait for the policy-exceptions repository itself, in all its answers together: one that is slow
 * or out of reach must not keep the caller from its 403, and lets nothing through.
 */
export class HomeTime {
  readonly #log: Log;
  readonly #ms: number;
  #left: number;
  constructor(log: Log, ms = HOME_MS) {
    this.#log = log;
    this.#ms = ms;
    this.#left = ms;
  }

  /** A human was waited for meanwhile: what follows has a whole allowance again. */
  renew(): void {
    this.#left = this.#ms;
  }

  /**
   * The answer, or Refusal `approvals-unavailable` where there is none in time or the repository fails; its own
   * refusals pass. `moreMs`: what the question itself is to wait. `late` gets an answer that nobody waits for any more.
   */
  async of<T>(
    what: string,
    ask: () => Promise<T>,
    { moreMs = 0, late }: { moreMs?: number; late?: (answer: T) => void } = {},
  ): Promise<T> {
    const overdue = Promise.withResolvers<never>();
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      overdue.reject(unavailable("did not answer in time"));
    }, this.#left + moreMs);
    const asked = performance.now();
    // Also what is thrown before there is a promise.
    const answer = Promise.resolve().then(ask);
    answer.then(
      (value) => (over ? late?.(value) : undefined),
      (error: unknown) => {
        if (over) this.#log.warn("the approvals repository failed late", { what, error: errorMessage(error) });
      },
    );
    try {
      return await Promise.race([answer, overdue.promise]);
    } catch (error) {
      if (error instanceof Refusal && error.code !== "approvals-unavailable") throw error;
      this.#log.warn("a hold could not ask the approvals repository", { what, error: errorMessage(error) });
      throw error instanceof Refusal ? error : unavailable("could not be asked", error);
    } finally {
      clearTimeout(timer);
      this.#left = Math.max(0, this.#left - (performance.now() - asked));
    }
  }
}

function unavailable(why: string, cause?: unknown): Refusal {
  return new Refusal("approvals-unavailable", `the approvals repository ${why}, and nothing was let through`, {
    next: "Try again later; if it stays so, tell the operator of the gateway.",
    ...(cause === undefined ? {} : { cause }),
  });
}
