import type { Clock } from "../base/clock.ts";
import type { Session } from "../identity/types.ts";

/**
 * Which sessions this gateway has already put on record. Bounded: a session that is forgotten is opened on
 * record once more, which a reader sees as the same session_id with another writer or seq.
 */
export class OpenSessions {
  readonly #seen = new Map<string, { session: Session; lastSeen: number }>();
  readonly #clock: Clock;
  readonly #limit: number;
  constructor(clock: Clock, limit = 100_000) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /** True the first time that a session is seen here. */
  touch(session: Session): boolean {
    const known = this.#seen.get(session.id);
    if (known !== undefined) {
      known.lastSeen = this.#clock.now();
      return false;
    }
    if (this.#seen.size >= this.#limit) {
      const oldest = this.#seen.keys().next().value;
      if (oldest !== undefined) this.#seen.delete(oldest);
    }
    this.#seen.set(session.id, { session, lastSeen: this.#clock.now() });
    return true;
  }

  /** Whose session this is, where it is open here. */
  usersOf(id: string): string[] {
    const owner = this.#seen.get(id)?.session.owner.username;
    return owner === undefined ? [] : [owner];
  }

  /** Something of the session is open: it is in use. */
  keep(id: string): void {
    const known = this.#seen.get(id);
    if (known !== undefined) known.lastSeen = this.#clock.now();
  }

  forget(id: string): Session | undefined {
    const known = this.#seen.get(id);
    this.#seen.delete(id);
    return known?.session;
  }

  /** All of them, now forgotten. */
  forgetAll(): Session[] {
    const sessions = [...this.#seen.values()].map(({ session }) => session);
    this.#seen.clear();
    return sessions;
  }

  /** Sessions past their limit or idle for longer than `idleMs`, now forgotten. */
  expire(idleMs: number): Session[] {
    const now = this.#clock.now();
    const ended: Session[] = [];
    for (const [id, { session, lastSeen }] of this.#seen) {
      if (now < session.limitAt && now - lastSeen < idleMs) continue;
      this.#seen.delete(id);
      ended.push(session);
    }
    return ended;
  }
}
