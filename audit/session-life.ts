import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";
import type { StoreReader } from "./store/store.ts";

/** `payload` of a `session.closed`, which may say whose part of the session it ends. */
type LifeEvent = Pick<EventRow, "writer" | "kind" | "at"> & { payload?: string | undefined };

/** Other replicas end what was killed within seconds, and say so; one that is gone never does. */
const KILLED_MS = 10_000;

/**
 * Whether a session is over. Each gateway that has it open says so in its own chain when it opens and closes it; a
 * session that is used again after it was closed is opened again. A writer that has ended says nothing any more: who
 * comes after it on its spool closes what it had open, and names it (audit/recorder/former-sessions.ts).
 */
export class SessionLife {
  readonly #open = new Map<string, boolean>();
  /** Writers that others said to have ended: for good. */
  readonly #ended = new Set<string>();
  #killedAt: number | undefined;

  push(event: LifeEvent): void {
    if (event.kind === "session.opened") {
      this.#open.set(event.writer, true);
      this.#killedAt = undefined;
    } else if (event.kind === "session.closed") {
      const closed = closedBy(event);
      for (const writer of closed) if (writer !== event.writer) this.#ended.add(writer);
      if (closed.includes(event.writer)) this.#open.set(event.writer, false);
    } else if (event.kind === "session.killed") this.#killedAt = eventTime(event);
  }

  /** @param now Milliseconds since the epoch. */
  over(now: number): boolean {
    if (this.#killedAt !== undefined && now - this.#killedAt > KILLED_MS) return true;
    return this.#open.size > 0 && this.openBy().length === 0;
  }

  /** Writers that have it open. */
  openBy(): string[] {
    return [...this.#open].filter(([writer, open]) => open && !this.#ended.has(writer)).map(([writer]) => writer);
  }
}

/** Whose part of the session a `session.closed` ends: its own writer's, where it names none. */
function closedBy({ writer, payload = "" }: LifeEvent): readonly string[] {
  try {
    const { writers } = JSON.parse(payload) as { writers?: unknown };
    if (Array.isArray(writers)) return writers;
  } catch {
    // None, or edited: it counts for who wrote it.
  }
  return [writer];
}

/** The life of a session as it is on record by now. */
export async function sessionLife(store: StoreReader, tenant: string, id: string): Promise<SessionLife> {
  const rows = await store.query<LifeEvent>(
    `SELECT writer, kind, at, if(kind = 'session.closed', payload, '') AS payload FROM events
     WHERE tenant = {tenant:String} AND session_id = {id:String}
       AND kind IN ('session.opened', 'session.closed', 'session.killed')
     ORDER BY writer, seq LIMIT 10000`,
    { tenant, id },
  );
  const life = new SessionLife();
  for (const row of rows) life.push(row);
  return life;
}
