import { setTimeout as sleep } from "node:timers/promises";
import type { ApprovalHome, Kill } from "../../approvals/types.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";

const FIRST_MS = 1_000;
const LONGEST_MS = 60_000;
const MOST = 1_000;

/**
 * A kill that the repository did not take is tried again until it does: the session is ended where it was asked for,
 * and a replica that starts later must learn of it.
 */
export class KillRetries {
  readonly #home: Pick<ApprovalHome, "kill">;
  readonly #deps: { clock: Clock; log: Log };
  readonly #closed = new AbortController();
  readonly #pending = new Map<string, Promise<void>>();
  constructor(home: Pick<ApprovalHome, "kill">, deps: { clock: Clock; log: Log }) {
    this.#home = home;
    this.#deps = deps;
  }

  add(kill: Kill): void {
    if (this.#pending.has(kill.session) || this.#pending.size >= MOST) return;
    const work = this.#retry(kill).finally(() => this.#pending.delete(kill.session));
    this.#pending.set(kill.session, work);
  }

  async #retry(kill: Kill): Promise<void> {
    const { signal } = this.#closed;
    for (let waitMs = FIRST_MS; ; waitMs = Math.min(waitMs * 2, LONGEST_MS)) {
      await sleep(waitMs, undefined, { signal, ref: false }).catch(() => {}); // closed: said by the signal
      if (signal.aborted || kill.until <= this.#deps.clock.now()) return;
      try {
        await this.#home.kill(kill);
        this.#deps.log.info("the approvals repository has taken a kill", { session: kill.session });
        return;
      } catch (error) {
        this.#deps.log.warn("a kill is not in the approvals repository yet", { session: kill.session, error });
      }
    }
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await Promise.all(this.#pending.values());
  }
}
