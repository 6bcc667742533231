import type { ChainCursor } from "./chain-cursor.ts";
import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";
import type { StoreReader } from "./store/store.ts";

export interface SessionEventsOptions {
  /** Up to where the reader has each chain; from the beginning where absent. */
  after?: ChainCursor | undefined;
  /** Up to where each chain is read; up to what is there now where absent. */
  upTo?: ChainCursor | undefined;
  /**
   * `chain`: one chain after the other, as a proof needs them. `time`: as they happened, the chains of several
   * gateways woven into one, each in its own order whatever its clock did. `chain` where absent.
   */
  order?: "chain" | "time" | undefined;
  /**
   * Persons in clear, as far as the reader has their keys (audit/personal). Such a row is not what was hashed: its two
   * hashes are "".
   */
  clear?: boolean | undefined;
}

/** A page is as many rows as came to so much on the page before. */
const PAGE_BYTES = 4 * 1024 * 1024;
const FIRST_ROWS = 64;
const MOST_ROWS = 2_000;
/** Chains that are read side by side, each with a page in memory; a session of more is read one after the other. */
const SIDE_BY_SIDE = 32;

/** The heads of the chains of some sessions, by session: what there is to read now. */
export async function chainHeads(
  store: StoreReader,
  tenant: string,
  sessions: readonly string[],
): Promise<Map<string, Map<string, number>>> {
  const rows = await store.query<{ session_id: string; writer: string; head: number | string }>(
    `SELECT session_id, writer, max(seq) AS head FROM events
     WHERE tenant = {tenant:String} AND session_id IN {sessions:Array(String)} GROUP BY session_id, writer
     ORDER BY session_id, writer`,
    { tenant, sessions },
  );
  const heads = new Map<string, Map<string, number>>();
  for (const { session_id, writer, head } of rows) {
    const chains = heads.get(session_id) ?? new Map<string, number>();
    heads.set(session_id, chains.set(writer, Number(head)));
  }
  return heads;
}

/** The events of a session, read from the store page by page: memory holds a page of each chain that is read. */
export async function* sessionEvents(
  store: StoreReader,
  tenant: string,
  id: string,
  { after = new Map(), upTo, order = "chain", clear = false }: SessionEventsOptions = {},
): AsyncGenerator<EventRow, void> {
  const heads = upTo ?? (await chainHeads(store, tenant, [id])).get(id) ?? new Map<string, number>();
  const chains = [...heads]
    .filter(([writer, head]) => head > (after.get(writer) ?? 0))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([writer, head]) => chainEvents(store, { tenant, id, writer, after: after.get(writer) ?? 0, head, clear }));
  if (order === "time" && chains.length > 1 && chains.length <= SIDE_BY_SIDE) yield* inTimeOrder(chains);
  else for (const chain of chains) yield* chain;
}

interface Chain {
  tenant: string;
  id: string;
  writer: string;
  after: number;
  head: number;
  clear: boolean;
}

async function* chainEvents(store: StoreReader, chain: Chain): AsyncGenerator<EventRow, void> {
  const { head, clear, ...params } = chain;
  // A reader shows persons in rows that are no whole rows of `events`.
  const columns = clear ? "* EXCEPT (prev_hash, hash)" : "*";
  let { after } = chain;
  let rows = FIRST_ROWS;
  while (after < head) {
    const page = await store.query<EventRow>(
      `SELECT ${columns} FROM events
       WHERE tenant = {tenant:String} AND session_id = {id:String} AND writer = {writer:String}
         AND seq > {after:UInt64} AND seq <= {head:UInt64}
       ORDER BY seq LIMIT {rows:UInt32}`,
      { ...params, after, head, rows },
    );
    const last = page.at(-1);
    if (last === undefined) return; // removed while it was read: what is missing is found by its chain
    for (const row of page) yield clear ? { ...row, prev_hash: "", hash: "" } : row;
    after = Number(last.seq);
    const bytes = page.reduce((sum, { payload }) => sum + payload.length + ROW_BYTES, 0);
    rows = Math.max(1, Math.min(MOST_ROWS, Math.floor((PAGE_BYTES * page.length) / bytes)));
  }
}

/** What a row is beside its payload, about. */
const ROW_BYTES = 1024;

/** Weaves chains into one by when their events happened; an event never comes before one that its chain has before it. */
async function* inTimeOrder(chains: readonly AsyncGenerator<EventRow, void>[]): AsyncGenerator<EventRow, void> {
  const fronts: { chain: AsyncGenerator<EventRow, void>; event: EventRow; at: number }[] = [];
  for (const chain of chains) {
    const { value: event } = await chain.next();
    if (event !== undefined) fronts.push({ chain, event, at: eventTime(event) });
  }
  for (;;) {
    const first = fronts.reduce<(typeof fronts)[number] | undefined>(
      (best, front) => (best === undefined || front.at < best.at ? front : best),
      undefined,
    );
    if (first === undefined) return;
    yield first.event;
    const { value: event } = await first.chain.next();
    if (event === undefined) fronts.splice(fronts.indexOf(first), 1);
    else Object.assign(first, { event, at: Math.max(first.at, eventTime(event)) });
  }
}
