import type { EventScope } from "../../event-pages.ts";
import { periodOf, within } from "../../period.ts";
import { listSessions, type SessionSummary } from "../../queries.ts";
import type { StoreReader } from "../../store/store.ts";

/** A report lists no more of a kind: what counts is events.ndjson. */
export const MOST_ROWS = 2_000;

export interface ReportedOperation {
  at: string;
  session_id: string;
  username: string;
  connection: string;
  verb: string;
  api_group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  rules: string[];
  outcome: string;
  approvers: string[];
  reason: string;
}

export interface ReportedApproval {
  opened_at: string;
  approval_id: string;
  session_id: string;
  username: string;
  state: string;
  approvers: string[];
  break_glass: boolean | number;
  reason: string;
  url: string;
}

/** Privileged operations of the scope, those that nothing accounts for first. */
export function operationsOf(store: StoreReader, tenant: string, scope: EventScope): Promise<ReportedOperation[]> {
  const { where, params } = condition(scope, "at");
  return store.query(
    `SELECT at, session_id, username, connection, verb, api_group, resource, subresource, namespace, name, rules, outcome,
            approvers, reason
     FROM privileged_operations WHERE tenant = {tenant:String} AND ${where}
     ORDER BY outcome IN ('unguarded', 'unknown') DESC, at, exchange_id LIMIT ${MOST_ROWS}`,
    { tenant, ...params },
  );
}

/** Outcomes that nothing accounts for (contracts §6). */
export const UNACCOUNTED: ReadonlySet<string> = new Set(["unguarded", "unknown"]);

export interface ReportedOutcome {
  outcome: string;
  operations: number | string;
}

/** How many privileged operations came to what, all of them counted. */
export function outcomesOf(store: StoreReader, tenant: string, scope: EventScope): Promise<ReportedOutcome[]> {
  const { where, params } = condition(scope, "at");
  return store.query(
    `SELECT outcome, count() AS operations FROM privileged_operations WHERE tenant = {tenant:String} AND ${where}
     GROUP BY outcome ORDER BY outcome IN ('unguarded', 'unknown') DESC, outcome`,
    { tenant, ...params },
  );
}

export function approvalsOf(store: StoreReader, tenant: string, scope: EventScope): Promise<ReportedApproval[]> {
  const { where, params } = condition(scope, "opened_at");
  return store.query(
    `SELECT opened_at, approval_id, session_id, username, state, approvers, break_glass, reason, url
     FROM approvals WHERE tenant = {tenant:String} AND ${where} ORDER BY opened_at, approval_id LIMIT ${MOST_ROWS}`,
    { tenant, ...params },
  );
}

export function sessionsOf(store: StoreReader, tenant: string, scope: EventScope): Promise<SessionSummary[]> {
  return listSessions(store, tenant, { since: scope.since, until: scope.until, limit: MOST_ROWS });
}

function condition(scope: EventScope, time: string): { where: string; params: Record<string, unknown> } {
  if (scope.session !== undefined)
    return { where: "session_id = {session:String}", params: { session: scope.session } };
  return { where: within(time), params: periodOf(scope) };
}
