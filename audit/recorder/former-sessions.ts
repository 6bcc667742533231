import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../../base/errors.ts";
import { SessionLife } from "../session-life.ts";
import type { StoreReader } from "../store/store.ts";
import type { WireDraft } from "./messages.ts";

/** Sessions that are looked at together. */
const SESSIONS = 500;
const RETRY_MS = 30_000;
/** A writer's id says when it began by the clock of then; rows by that of when they were written. */
const CLOCKS_MS = 86_400_000;
const REASON = "the gateway that had it open ended";

/** Writers on this spool whose sessions may be open on record: `writers.json` beside the segments. */
export interface FormerWriters {
  /** Of processes before this one. */
  readonly gone: readonly string[];
  /** This process goes on under another writer. */
  add(writer: string): void;
  /** What those that are gone had open is closed on record. */
  closed(): void;
}

/**
 * Puts this process's writer on the list before it writes anything. `unsealed` are writers that were cut short, where
 * there is no list yet: a spool from before it was kept. The spool is locked, so all others on the list are gone, but
 * for `earlier` ones of this process. Of other gateways none is on it: their spools are others.
 */
export function ownWriter(
  folder: string,
  { writer, earlier }: { writer: string; earlier: readonly string[] },
  { unsealed = [], onUnsaved }: { unsealed?: readonly string[] | undefined; onUnsaved(error: unknown): void },
): FormerWriters {
  const known = readWriters(folder) ?? unsealed;
  let gone = known.filter((one) => one !== writer && !earlier.includes(one));
  const own = [...earlier, writer];
  const save = (): void => {
    try {
      writeWriters(folder, [...gone, ...own]);
    } catch (error) {
      onUnsaved(error); // the record itself is well without it
    }
  };
  save();
  return {
    get gone() {
      return gone;
    },
    add(another) {
      own.push(another);
      save();
    },
    closed() {
      gone = [];
      save();
    },
  };
}

/** What cannot be read names nobody: sessions then stay open on record, as those of a spool that is lost. */
function readWriters(folder: string): string[] | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(folder, "writers.json"), "utf8"));
    return Array.isArray(value) ? value.filter((one) => typeof one === "string") : undefined;
  } catch {
    return undefined;
  }
}

function writeWriters(folder: string, writers: readonly string[]): void {
  const path = join(folder, "writers.json");
  const fd = openSync(`${path}.new`, "w", 0o600);
  try {
    writeFileSync(fd, JSON.stringify(writers));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
}

export interface ClosingOptions {
  former: FormerWriters;
  store: StoreReader;
  tenant: string;
  /** Resolves when all that earlier processes spooled is in the store. */
  settle(): Promise<void>;
  /** Throws where the events did not reach the disk. */
  record(events: readonly WireDraft[]): void;
  log(level: "info" | "warn", message: string, fields: Record<string, unknown>): void;
}

/**
 * Closes on record what processes before this one on its spool had open, however they ended: who follows such a session
 * waited for its token to end. A session that is in use again is opened by this process's own writer, or by another
 * gateway's, and stays open by that. Each is closed once: what is closed on record is not open, and the list forgets a
 * writer once all is on disk. Returns how to stop it.
 */
export function closeFormerSessions(options: ClosingOptions): () => void {
  const { former, log } = options;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  async function run(): Promise<void> {
    try {
      await options.settle();
      const sessions = await close(options, () => stopped);
      if (stopped) return;
      former.closed();
      if (sessions > 0) log("info", "sessions of the process before this one are closed on record", { sessions });
    } catch (error) {
      if (stopped) return;
      log("warn", "sessions of an earlier process are still open on record: tried again", {
        reason: errorMessage(error),
      });
      timer = setTimeout(run, RETRY_MS);
      timer.unref();
    }
  }
  if (former.gone.length > 0) run();
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}

async function close({ former, store, tenant, record }: ClosingOptions, stopped: () => boolean): Promise<number> {
  const gone = new Set(former.gone);
  const params = { tenant, writers: [...gone], since: Math.min(...[...gone].map(beganAt)) - CLOCKS_MS };
  let closed = 0;
  for (let after = ""; !stopped(); ) {
    const page = await store.query<{ session_id: string }>(
      `SELECT DISTINCT session_id FROM events
        WHERE tenant = {tenant:String} AND session_id > {after:String} AND writer IN {writers:Array(String)}
          AND kind = 'session.opened' AND at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
        ORDER BY session_id LIMIT ${SESSIONS}`,
      { ...params, after },
    );
    const last = page.at(-1);
    if (last === undefined || stopped()) return closed;
    after = last.session_id;
    const events = await closings(
      store,
      tenant,
      page.map(({ session_id }) => session_id),
      gone,
    );
    record(events);
    closed += events.length;
  }
  return closed;
}

/** RFC 9562 §5.7: milliseconds since the epoch; 0 for what is no UUIDv7. */
function beganAt(writer: string): number {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7/.test(writer) ? Number.parseInt(writer.slice(0, 13).replace("-", ""), 16) : 0;
}

/** `session.closed` for each of `sessions` that is open by a writer that is gone. Names stand as they do in the store. */
async function closings(
  store: StoreReader,
  tenant: string,
  sessions: readonly string[],
  gone: ReadonlySet<string>,
): Promise<WireDraft[]> {
  const rows = await store.query<{
    session_id: string;
    writer: string;
    kind: "session.opened" | "session.closed";
    at: string;
    payload: string;
    issuer: string;
    username: string;
  }>(
    `SELECT session_id, writer, kind, at, if(kind = 'session.closed', payload, '') AS payload,
            if(kind = 'session.opened', JSONExtractString(events.payload, 'owner', 'username'), '') AS owner,
            if(owner = '', events.issuer, JSONExtractString(events.payload, 'owner', 'issuer')) AS issuer,
            if(owner = '', events.username, owner) AS username
       FROM events
      WHERE tenant = {tenant:String} AND session_id IN {sessions:Array(String)}
        AND kind IN ('session.opened', 'session.closed')
      ORDER BY session_id, writer, seq`,
    { tenant, sessions },
  );
  const lives = new Map<string, { life: SessionLife; issuer: string; username: string }>();
  for (const row of rows) {
    const { session_id, issuer, username } = row;
    const known = lives.get(session_id) ?? { life: new SessionLife(), issuer, username };
    lives.set(session_id, known);
    known.life.push(row);
  }
  const events: WireDraft[] = [];
  for (const [session_id, { life, issuer, username }] of lives) {
    const writers = life.openBy().filter((writer) => gone.has(writer));
    if (writers.length === 0) continue;
    const payload = { reason: REASON, writers };
    events.push({ kind: "session.closed", session_id, at_ms: Date.now(), issuer, username, payload });
  }
  return events;
}
