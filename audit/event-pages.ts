import type { EventRow } from "./event.ts";
import { EVENT_COLUMNS } from "./export/event-row.ts";
import { type Period, periodOf, within } from "./period.ts";
import type { StoreReader } from "./store/store.ts";

/** A tenant's events: of one session or of all (but one), of a period or of all time. */
export interface EventScope extends Period {
  session?: string | undefined;
  except?: string | undefined;
}

/** What one page holds at most, unless one event alone is larger. */
const PAGE_BYTES = 8 * 1024 ** 2;
const PAGE_ROWS = 5_000;
/** What a row weighs beside its payload and its path. */
const ROW_BYTES = 1_000;

/** By name: what the store works out of a row beside them is not what was recorded. */
const COLUMNS = Object.keys(EVENT_COLUMNS).join(", ");

interface Key {
  session_id: string;
  writer: string;
  seq: number;
}

const BEFORE_ALL: Key = { session_id: "", writer: "", seq: 0 };
// Written out, since ClickHouse looks up no range by the comparison of tuples: each page would read all before it.
const AFTER =
  "(session_id > {s:String} OR (session_id = {s:String} AND (writer > {w:String} OR (writer = {w:String} AND seq > {q:UInt64}))))";
const UP_TO =
  "(session_id < {ts:String} OR (session_id = {ts:String} AND (writer < {tw:String} OR (writer = {tw:String} AND seq <= {tq:UInt64}))))";

/**
 * The events of `scope` in the order of their chains (session, writer, seq), page by page: memory holds one page
 * however long the record is. Of a period, chains come without holes: where a clock was stepped back, events between two
 * of the period belong to it too, else the chain could not be followed.
 */
export async function* eventPages(
  store: StoreReader,
  tenant: string,
  scope: EventScope,
): AsyncGenerator<EventRow[], void> {
  const { where, params: scoped } = scopeSql(scope);
  const params = { tenant, ...scoped };
  const read = (from: Key, to: Key, condition: string): Promise<EventRow[]> =>
    store.query<EventRow>(
      `SELECT ${COLUMNS} FROM events WHERE tenant = {tenant:String} AND ${condition} AND ${AFTER} AND ${UP_TO}
       ORDER BY session_id, writer, seq`,
      { ...params, ...cursor(from), ts: to.session_id, tw: to.writer, tq: to.seq },
    );
  const pageEnds = async function* (from: Key, condition: string): AsyncGenerator<Key> {
    for (let last = from; ; ) {
      const sizes = await store.query<Key & { size: number | string }>(
        `SELECT session_id, writer, seq, length(payload) + length(path) AS size FROM events
         WHERE tenant = {tenant:String} AND ${condition} AND ${AFTER}
         ORDER BY session_id, writer, seq LIMIT ${PAGE_ROWS}`,
        { ...params, ...cursor(last) },
      );
      const end = pageEnd(sizes);
      if (end === undefined) return;
      yield end;
      last = end;
    }
  };
  let last = BEFORE_ALL;
  for await (const end of pageEnds(BEFORE_ALL, where)) {
    let run: EventRow[] = [];
    for (const row of await read(last, end, where)) {
      if (isHole(last, row)) {
        if (run.length > 0) yield run;
        run = [];
        yield* hole(store, tenant, last, row);
      }
      run.push(row);
      last = keyOf(row);
    }
    last = end;
    if (run.length > 0) yield run;
  }
}

/** The condition that an event is in the scope, and its parameters. */
export function scopeSql(scope: EventScope): { where: string; params: Record<string, unknown> } {
  const timed = scope.since !== undefined || scope.until !== undefined;
  const conditions = [
    ...(scope.session === undefined ? [] : ["session_id = {session:String}"]),
    ...(scope.except === undefined ? [] : ["session_id != {except:String}"]),
    ...(timed ? [within("at")] : []),
  ];
  return {
    where: conditions.length === 0 ? "1" : conditions.join(" AND "),
    params: { session: scope.session, except: scope.except, ...(timed ? periodOf(scope) : {}) },
  };
}

/** The events of an export that is for reading, with what is sealed in them shown where it can be. */
export async function* readableEvents(job: {
  store: StoreReader;
  tenant: string;
  scope: EventScope;
  reveal?: ((row: EventRow) => EventRow) | undefined;
}): AsyncGenerator<EventRow, void> {
  const { reveal = (row) => row } = job;
  for await (const row of storedEvents(job.store, job.tenant, job.scope)) yield reveal(row);
}

/** One event at a time. */
export async function* storedEvents(
  store: StoreReader,
  tenant: string,
  scope: EventScope,
): AsyncGenerator<EventRow, void> {
  for await (const page of eventPages(store, tenant, scope)) yield* page;
}

/** Events between two of one chain, that the period leaves out. None where they are gone from the store. */
async function* hole(store: StoreReader, tenant: string, from: Key, to: Key): AsyncGenerator<EventRow[]> {
  for (let last = from.seq; last + 1 < to.seq; ) {
    const rows = await store.query<EventRow>(
      `SELECT ${COLUMNS} FROM events WHERE tenant = {tenant:String} AND session_id = {s:String} AND writer = {w:String}
         AND seq > {q:UInt64} AND seq < {tq:UInt64} ORDER BY seq LIMIT 16`,
      { tenant, ...cursor({ ...from, seq: last }), tq: to.seq },
    );
    const end = rows.at(-1);
    if (end === undefined) return;
    yield rows;
    last = Number(end.seq);
  }
}

function isHole(last: Key, row: Key): boolean {
  return last.session_id === row.session_id && last.writer === row.writer && Number(row.seq) > last.seq + 1;
}

function pageEnd(sizes: readonly (Key & { size: number | string })[]): Key | undefined {
  let bytes = 0;
  let end: Key | undefined;
  for (const row of sizes) {
    bytes += Number(row.size) + ROW_BYTES;
    if (end !== undefined && bytes > PAGE_BYTES) break;
    end = keyOf(row);
  }
  return end;
}

const keyOf = ({ session_id, writer, seq }: Key): Key => ({ session_id, writer, seq: Number(seq) });
const cursor = ({ session_id, writer, seq }: Key): Record<string, unknown> => ({ s: session_id, w: writer, q: seq });
