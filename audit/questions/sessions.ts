import { z } from "zod";
import { within } from "../period.ts";
import { listSessions } from "../queries.ts";
import { user, VIEW_PERIOD, WITHOUT_OUTCOME } from "./parameters.ts";
import { question, sqlQuestion } from "./question.ts";

export const sessionsQuery = question(
  { name: "sessions", title: "sessions, the latest first", parameters: { user } },
  (store, tenant, filter) => listSessions(store, tenant, filter),
);

const session = z.string().min(1).max(256).describe("the session's id");

/** Its requests as they ended, and what else stands in its chain, less what the gateway looked up and single frames. */
export const sessionActivityQuery = sqlQuestion({
  name: "session-activity",
  title: "what a session did: its requests and how each ended, and what was decided about them, in order",
  parameters: { session },
  rows: 10_000,
  sql: `SELECT * FROM (
  SELECT at, 'request' AS kind, exchange_id, verb, api_group, resource, subresource, namespace, name, path, outcome, status, rules, approval_id, approvers,
         reason, masked_fields, privileged, decision_id
    FROM operations_within(${VIEW_PERIOD}, every = 1, session = {session:String}) WHERE tenant = {tenant:String}
  UNION ALL
  SELECT at, toString(kind) AS kind, exchange_id, toString(verb), toString(api_group), toString(resource), toString(subresource), toString(namespace), name, path,
         '' AS outcome, status, rules, approval_id, JSONExtract(payload, 'approvers', 'Array(String)') AS approvers,
         multiIf(JSONExtractString(payload, 'reason') != '', JSONExtractString(payload, 'reason'), JSONExtractString(payload, 'message') != '', JSONExtractString(payload, 'message'), JSONExtractString(payload, 'why')) AS reason,
         masked_fields, false AS privileged, decision_id
    FROM events
   WHERE tenant = {tenant:String} AND session_id = {session:String} AND ${within("at")}
     AND kind NOT IN ('request.refused', 'request.intent', 'request.outcome', 'request.shadow', 'gather', 'stream.frame')
)
ORDER BY at, exchange_id, kind LIMIT {limit:UInt32}`,
});

/**
 * Where the record of a session is not whole, or may not be: events that are missing from its chain (and were not let go
 * when their time was over), a time in which the recorder left contents or events out, a tear in a spool
 * (in session `recorder`), writes whose end nobody knows.
 */
export const sessionsWithGapsQuery = sqlQuestion({
  name: "sessions-with-gaps",
  title: "sessions whose record is not whole: missing events, times of a gap, tears, and writes whose end is not known",
  parameters: { session: session.optional() },
  sql: `WITH gaps AS (
  SELECT writer, at AS ended_at, JSONExtractString(payload, 'state') AS state, payload,
         lagInFrame(at) OVER (PARTITION BY writer ORDER BY seq) AS before, lagInFrame(JSONExtractString(payload, 'state')) OVER (PARTITION BY writer ORDER BY seq) AS state_before,
         leadInFrame(JSONExtractString(payload, 'state')) OVER (PARTITION BY writer ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS state_after
    FROM events WHERE tenant = {tenant:String} AND kind = 'recorder.gap'
), times AS (
  SELECT writer, if(state = 'began', ended_at, if(state_before = 'began', before, ended_at - INTERVAL 1 MINUTE)) AS began_at,
         if(state = 'began', toDateTime64('2200-01-01 00:00:00', 6, 'UTC'), ended_at) AS over_at,
         if(JSONExtractUInt(payload, 'eventsLostAtMost') > 0, 'events were left out', 'contents were left out') AS why, JSONExtractUInt(payload, 'eventsLostAtMost') AS lost
    FROM gaps WHERE state = 'ended' OR state_after != 'ended'
)
SELECT session_id, writer, what, first_at, latest_at, missing, why FROM (
  SELECT session_id, writer, 'missing events' AS what, first_at, latest_at, toUInt64(last - there - gone) AS missing,
         concat(toString(there), ' of ', toString(last - gone), ' events are there') AS why
    FROM (
      SELECT session_id, toString(writer) AS writer, min(at) AS first_at, max(at) AS latest_at, count() AS there, max(seq) AS last
        FROM events WHERE tenant = {tenant:String} GROUP BY session_id, writer
    ) AS c
    LEFT JOIN (SELECT session_id, writer, max(last_seq) AS gone FROM expired_chains WHERE tenant = {tenant:String} GROUP BY session_id, writer) AS x USING (session_id, writer)
   WHERE there + gone < last
  UNION ALL
  SELECT e.session_id, toString(e.writer), 'recorder.gap', min(e.at), max(e.at), toUInt64(max(t.lost)), any(t.why)
    FROM events AS e JOIN times AS t ON t.writer = e.writer
   WHERE e.tenant = {tenant:String} AND e.at >= t.began_at AND e.at <= t.over_at AND e.session_id NOT IN ('recorder', 'checkpoints')
   GROUP BY e.session_id, e.writer
  UNION ALL
  SELECT session_id, toString(writer), toString(kind), at, at, toUInt64(0), JSONExtractString(payload, 'why') FROM events WHERE tenant = {tenant:String} AND kind = 'recorder.torn'
  UNION ALL
  SELECT session_id, '', 'write without an end', min(at), max(last_at), count(), 'an intent is on record, and nothing tells how it ended'
    FROM operations_within(${VIEW_PERIOD}, every = 1, session = {session:String})
   WHERE tenant = {tenant:String} AND outcome = 'unknown' AND ${WITHOUT_OUTCOME} GROUP BY session_id
)
WHERE ${within("latest_at")} AND ({session:String} = '' OR session_id = {session:String})
ORDER BY latest_at DESC, session_id, what LIMIT {limit:UInt32}`,
});
