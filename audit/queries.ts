import type { EventRow } from "./event.ts";
import { type Period, periodOf, within } from "./period.ts";
import { VIEW_PERIOD } from "./questions/parameters.ts";
import { type OUTCOMES, PRIVILEGED_COLUMNS, UNACCOUNTED_FIRST } from "./questions/privileged-operations.ts";
import type { StoreReader } from "./store/store.ts";

/** A row of the view `sessions`. Times are `2026-11-22 10:00:00.123456`, UTC. */
export interface SessionSummary {
  tenant: string;
  session_id: string;
  started_at: string;
  last_at: string;
  issuer: string;
  username: string;
  agent: string;
  reason: string;
  connections: string[];
  requests: number;
  refused: number;
  held: number;
  masked: number;
  has_gaps: boolean;
  events: number;
  state: "open" | "closed" | "killed";
  /** Of its requests, how many were let through by break-glass. */
  break_glass: number;
  /** The person that an agent acts for; the user itself where there is no agent, "" where no opening is on record. */
  owner_issuer: string;
  owner: string;
}

export type PrivilegedOutcome = (typeof OUTCOMES)[number];

/** A row of the view `privileged_operations` (contracts §6). */
export interface PrivilegedOperation {
  at: string;
  tenant: string;
  session_id: string;
  exchange_id: string;
  issuer: string;
  username: string;
  connection: string;
  verb: string;
  api_group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  rules: string[];
  outcome: PrivilegedOutcome;
  status: number;
  approval_id: string;
  approvers: string[];
  pull_request: string;
  reason: string;
}

// 0/1 of ClickHouse's comparisons, and the order in which a chain is written.
const CHAIN_ORDER = "ORDER BY writer, seq";

/** Where a list of sessions goes on: after the last one of the page before. */
export type SessionPlace = Pick<SessionSummary, "started_at" | "session_id">;

/**
 * Sessions that have events in the period, the latest first; `user` is an exact username, `of` are those of whom they are,
 * as user or as owner.
 */
export async function listSessions(
  store: StoreReader,
  tenant: string,
  filter: Period & {
    user?: string | undefined;
    of?: readonly string[] | undefined;
    limit?: number | undefined;
    after?: SessionPlace | undefined;
  } = {},
): Promise<SessionSummary[]> {
  const rows = await store.query<Omit<SessionSummary, "has_gaps"> & { has_gaps: number | boolean }>(
    `SELECT * FROM sessions
     WHERE tenant = {tenant:String} AND (empty({users:Array(String)}) OR username IN {users:Array(String)})
       AND (empty({of:Array(String)}) OR username IN {of:Array(String)} OR owner IN {of:Array(String)})
       AND last_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND started_at < fromUnixTimestamp64Milli({until:Int64}, 'UTC')
       AND ({after:String} = '' OR (started_at, session_id) < (parseDateTime64BestEffortOrZero({after:String}, 6, 'UTC'), {afterId:String}))
     ORDER BY started_at DESC, session_id DESC LIMIT {limit:UInt32}`,
    {
      tenant,
      // A list, since a name may stand on record in clear and sealed (audit/personal).
      users: filter.user === undefined || filter.user === "" ? [] : [filter.user],
      of: filter.of ?? [],
      ...periodOf(filter),
      after: filter.after?.started_at ?? "",
      afterId: filter.after?.session_id ?? "",
      limit: filter.limit ?? 100,
    },
  );
  return rows.map((row) => ({ ...row, has_gaps: Boolean(row.has_gaps) }));
}

/** One session, or undefined. */
export async function getSession(store: StoreReader, tenant: string, id: string): Promise<SessionSummary | undefined> {
  const rows = await store.query<SessionSummary>(
    "SELECT * FROM sessions WHERE tenant = {tenant:String} AND session_id = {id:String}",
    { tenant, id },
  );
  const row = rows[0];
  return row && { ...row, has_gaps: Boolean(row.has_gaps) };
}

/** All events that a decision led to (payload.decisionId), in order. */
export function decisionEvents(store: StoreReader, tenant: string, decisionId: string): Promise<EventRow[]> {
  return store.query<EventRow>(
    `SELECT * FROM events WHERE tenant = {tenant:String} AND decision_id = {id:String} AND decision_id != '' ${CHAIN_ORDER}`,
    { tenant, id: decisionId },
  );
}

/** Events in a period, for reconciliation and proofs. */
export function eventsWithin(
  store: StoreReader,
  tenant: string,
  filter: Period & { kinds?: string[] | undefined } = {},
): Promise<EventRow[]> {
  return store.query<EventRow>(
    `SELECT * FROM events
     WHERE tenant = {tenant:String} AND ${within("at")} AND (empty({kinds:Array(String)}) OR kind IN {kinds:Array(String)})
     ORDER BY session_id, writer, seq`,
    { tenant, ...periodOf(filter), kinds: filter.kinds ?? [] },
  );
}

/** Every privileged operation of a period and what became of it; those that nothing accounts for first. */
export function privilegedOperations(
  store: StoreReader,
  tenant: string,
  filter: Period & { limit?: number | undefined } = {},
): Promise<PrivilegedOperation[]> {
  return store.query<PrivilegedOperation>(
    `SELECT ${PRIVILEGED_COLUMNS} FROM operations_within(${VIEW_PERIOD}, every = 0, session = '') WHERE tenant = {tenant:String}
     ${UNACCOUNTED_FIRST} LIMIT {limit:UInt32}`,
    { tenant, ...periodOf(filter), limit: filter.limit ?? 100_000 },
  );
}

export { bodyContent } from "./bodies.ts";
