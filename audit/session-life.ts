import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";
import type { StoreReader } from "./store/store.ts";

type LifeEvent = Pick<EventRow, "writer" | "kind" | "at">;

/** Other replicas end what was killed within seconds, and say so; one that is gone never does. */
const KILLED_MS = 10_000;

/**
 * Whether a session is over. Each gateway that has it open says so in its own chain when it opens and closes it; a
 * session that is used again after it was closed is opened again.
 */
export class SessionLife {
  readonly #open = new Map<string, boolean>();
  #killedAt: number | undefined;

  push(event: LifeEvent): void {
    if (event.kind === "session.opened") {
      this.#open.set(event.writer, true);
      this.#killedAt = undefined;
    } else if (event.kind === "session.closed") this.#open.set(event.writer, false);
    else if (event.kind === "session.killed") this.#killedAt = eventTime(event);
  }

  /** @param now Milliseconds since the epoch. */
  over(now: number): boolean {
    if (this.#killedAt !== undefined && now - this.#killedAt > KILLED_MS) return true;
    return this.#open.size > 0 && [...this.#open.values()].every((open) => !open);
  }
}

/** The life of a session as it is on record by now. */
export async function sessionLife(store: StoreReader, tenant: string, id: string): Promise<SessionLife> {
  const rows = await store.query<LifeEvent>(
    `SELECT writer, kind, at FROM events
     WHERE tenant = {tenant:String} AND session_id = {id:String}
       AND kind IN ('session.opened', 'session.closed', 'session.killed')
     ORDER BY writer, seq LIMIT 10000`,
    { tenant, id },
  );
  const life = new SessionLife();
  for (const row of rows) life.push(row);
  return life;
}
