import type { Clock } from "../base/clock.ts";
import { Refusal } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { EndedSessions } from "./ended-sessions.ts";
import { originsIn } from "./session-id.ts";

/** What ends a session: its own id, and the id of the raw session of a token that it was made from. */
export function endedBy(sessionId: string): string[] {
  const origins = originsIn(sessionId);
  return origins.length === 1 && origins[0] === sessionId ? [sessionId, barred(sessionId)] : [sessionId, ...origins];
}

/** An ID token that may make no session any more, though other sessions of it may go on. */
export function barred(origin: string): string {
  return `from:${origin}`;
}

/** Ends sessions, and tells who has to know: streams, cluster credentials, the record. */
export class SessionEnds {
  readonly #ended: EndedSessions;
  readonly #rememberMs: number;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #listeners = new Set<(sessionId: string) => void>();

  /** `limitSeconds`: no token is good for longer after its issue, so that nothing need be remembered for longer. */
  constructor(options: { ended: EndedSessions; limitSeconds: number; clock: Clock; log: Log }) {
    this.#ended = options.ended;
    this.#rememberMs = (options.limitSeconds + 600) * 1000;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** `until`: milliseconds since the epoch, where somebody else said how long it must be remembered. */
  end(sessionId: string, until = this.#clock.now() + this.#rememberMs): void {
    if (this.#ended.has(sessionId) || until <= this.#clock.now()) return;
    let failed: unknown;
    for (const id of [...originsIn(sessionId).map(barred), sessionId]) {
      try {
        this.#ended.add(id, until);
      } catch (error) {
        failed = error; // it is in memory all the same, and what is open must end
      }
    }
    for (const listener of this.#listeners) {
      try {
        listener(sessionId);
      } catch (error) {
        // One that fails must not keep the others from ending their streams.
        this.#log.error("a session's end was not carried out everywhere", { session: sessionId, error });
      }
    }
    if (failed !== undefined) throw failed;
  }

  /** On the hot path: `ids` are what `endedBy` said when the token was verified. */
  refuse(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#ended.has(id))
        throw new Refusal("session-ended", "the session was ended", {
          next: "Log in again for a new one: `sallyport login`.",
        });
    }
  }

  isEnded(sessionId: string): boolean {
    return endedBy(sessionId).some((id) => this.#ended.has(id));
  }

  onEnd(listener: (sessionId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
