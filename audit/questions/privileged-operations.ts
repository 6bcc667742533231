import { z } from "zod";
import {
  connection,
  EVER_REFUSED,
  namespace,
  RULE,
  rule,
  session,
  user,
  VIEW_PERIOD,
  WHO_AND_WHERE,
} from "./parameters.ts";
import { sqlQuestion } from "./question.ts";

/** Of contracts §6. */
export const OUTCOMES = [
  "blocked",
  "denied",
  "expired",
  "approved",
  "break-glass",
  "exempted",
  "masked",
  "observed",
  "unguarded",
  "unknown",
] as const;

const outcome = z.array(z.enum(OUTCOMES)).max(OUTCOMES.length).optional().describe("only with one of these outcomes");

/** The columns of contracts §6, in order. */
export const PRIVILEGED_COLUMNS =
  "at, tenant, session_id, exchange_id, issuer, username, connection, verb, api_group, resource, subresource, namespace, name, rules, outcome, status, approval_id, approvers, pull_request, reason";
export const UNACCOUNTED_FIRST = "ORDER BY outcome IN ('unguarded', 'unknown') DESC, at, exchange_id";

/** The first question of an auditor. */
export const privilegedOperationsQuery = sqlQuestion({
  name: "privileged-operations",
  title: "every privileged operation and what became of it, unaccounted ones first",
  parameters: { user, connection, namespace, rule, session, outcome },
  rows: 10_000,
  sql: `SELECT ${PRIVILEGED_COLUMNS}
  FROM operations_within(${VIEW_PERIOD}, every = 0, session = {session:String})
 WHERE tenant = {tenant:String} AND ${WHO_AND_WHERE} AND ${RULE}
   AND (empty({outcome:Array(String)}) OR outcome IN {outcome:Array(String)})
 ${UNACCOUNTED_FIRST} LIMIT {limit:UInt32}`,
});

/** What shows when a rule is taken out of the guardrails: the catalogue does not go by them. */
export const unguardedQuery = sqlQuestion({
  name: "unguarded",
  title: "privileged operations that no rule named, by what they are: a rule that was removed shows here",
  parameters: { user, connection, namespace },
  sql: `SELECT family, verb, api_group, resource, subresource, count() AS times, arraySort(groupUniqArray(100)(username)) AS usernames,
       arraySort(groupUniqArray(100)(namespace)) AS namespaces, arraySort(groupUniqArray(20)(revision)) AS revisions,
       min(at) AS first_at, max(at) AS latest_at
  FROM operations_within(${VIEW_PERIOD}, every = 0, session = '')
 WHERE tenant = {tenant:String} AND outcome = 'unguarded' AND ${WHO_AND_WHERE}
 GROUP BY family, verb, api_group, resource, subresource
 ORDER BY times DESC, family, verb, resource LIMIT {limit:UInt32}`,
});

const stopped = z.enum(["blocked", "denied", "expired"]).optional().describe("only those that ended so");

export const blockedAttemptsQuery = sqlQuestion({
  name: "blocked-attempts",
  title: "what was refused, by rule and identity, the most frequent first",
  parameters: { user, connection, namespace, rule, outcome: stopped },
  sql: `SELECT one AS rule, issuer, username, count() AS attempts, countIf(outcome = 'blocked') AS blocked, countIf(outcome = 'denied') AS denied,
       countIf(outcome = 'expired') AS expired, uniqExact(session_id) AS sessions, countIf(privileged) AS privileged_attempts,
       min(at) AS first_at, max(at) AS latest_at,
       groupUniqArray(5)(concat(verb, ' ', if(resource = '', path, resource), if(subresource = '', '', '/'), subresource, ' ', namespace, if(namespace = '', '', '/'), name)) AS examples
  FROM operations_within(${VIEW_PERIOD}, every = 1, session = '')
 ARRAY JOIN rules AS one
 WHERE tenant = {tenant:String} AND outcome IN ('blocked', 'denied', 'expired') AND ${EVER_REFUSED} AND ${WHO_AND_WHERE}
   AND ({rule:String} = '' OR one = {rule:String}) AND ({outcome:String} = '' OR outcome = {outcome:String})
 GROUP BY one, issuer, username
 ORDER BY attempts DESC, rule, username LIMIT {limit:UInt32}`,
});
