import type { Clock } from "../base/clock.ts";
import { sha256 } from "../base/digest.ts";
import { errorMessage } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Kill } from "./types.ts";

/** A session's name in a ref: its id where git takes it as it is, else a hash of it (git-check-ref-format). */
export function sessionRef(session: string): string {
  return /^[A-Za-z0-9_-]{1,128}$/.test(session) ? session : sha256(session);
}

/** The sessions that were ended for good, until nothing of them could be valid any more; each is told once. */
export class Kills {
  readonly #bySession = new Map<string, Kill>();
  readonly #listeners = new Set<(kill: Kill) => void>();
  readonly #clock: Clock;
  readonly #log: Log;
  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  has(session: string): boolean {
    return this.#bySession.has(session);
  }

  get(session: string): Kill | undefined {
    return this.#bySession.get(session);
  }

  /** False where it is known already, or over. */
  add(kill: Kill): boolean {
    const now = this.#clock.now();
    for (const [session, { until }] of this.#bySession) if (until <= now) this.#bySession.delete(session);
    if (kill.until <= now || this.has(kill.session)) return false;
    this.#bySession.set(kill.session, kill);
    for (const listener of [...this.#listeners]) this.#tell(listener, kill);
    return true;
  }

  onKill(listener: (kill: Kill) => void): () => void {
    this.#listeners.add(listener);
    for (const kill of [...this.#bySession.values()]) this.#tell(listener, kill);
    return () => void this.#listeners.delete(listener);
  }

  #tell(listener: (kill: Kill) => void, kill: Kill): void {
    try {
      listener({ ...kill });
    } catch (error) {
      this.#log.error("a listener of kills failed", { session: kill.session, error: errorMessage(error) });
    }
  }
}
