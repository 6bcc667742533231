import { z } from "zod";
import { within } from "../period.ts";
import { connection, namespace, RULE, rule, user, WHO_AND_WHERE } from "./parameters.ts";
import { sqlQuestion } from "./question.ts";

const approver = z.string().max(512).optional().describe("only what this person decided, with the issuer's prefix");
const state = z
  .enum(["pending", "approved", "denied", "expired", "cancelled", "revoked", "consumed"])
  .optional()
  .describe("only those that came to this");

export const approvalsQuery = sqlQuestion({
  name: "approvals",
  title: "who asked, who approved, and how it ended",
  parameters: { user, connection, namespace, rule, approver, state },
  sql: `SELECT * FROM approvals
 WHERE tenant = {tenant:String} AND ${within("opened_at")} AND ${WHO_AND_WHERE} AND ${RULE}
   AND ({approver:String} = '' OR has(approvers, {approver:String})) AND ({state:String} = '' OR state = {state:String})
 ORDER BY opened_at, approval_id LIMIT {limit:UInt32}`,
});

// Two replicas that learn of one decision both put it on record, as of the same time.
export const whoApprovedQuery = sqlQuestion({
  name: "who-approved",
  title: "who approved, denied, took back or broke the glass, for whom and why, the latest first",
  parameters: { approver, user, connection, namespace, rule },
  sql: `SELECT min(at) AS decided_at, person AS approver, replaceOne(replaceOne(kind, 'approval.', ''), '.', ' ') AS decision,
       events.approval_id AS approval_id, any(a.username) AS requester, any(a.requested) AS requested, any(a.connection) AS through, any(a.rules) AS held_by,
       any(JSONExtractString(payload, 'verdict')) AS verdict, any(JSONExtractString(payload, 'reason')) AS why,
       any(JSONExtractString(payload, 'file')) AS seen, any(a.state) AS state, any(a.uses) AS uses, any(a.url) AS url
  FROM events ARRAY JOIN JSONExtract(payload, 'approvers', 'Array(String)') AS person
  LEFT JOIN approvals AS a ON a.tenant = events.tenant AND a.approval_id = events.approval_id
 WHERE events.tenant = {tenant:String} AND ${within("events.at")}
   AND kind IN ('approval.approved', 'approval.denied', 'approval.cancelled', 'approval.revoked', 'break_glass.used', 'break_glass.reviewed')
   AND ({approver:String} = '' OR person = {approver:String}) AND ({user:String} = '' OR a.username = {user:String})
   AND ({connection:String} = '' OR a.connection = {connection:String}) AND ({namespace:String} = '' OR a.namespace = {namespace:String})
   AND ({rule:String} = '' OR has(a.rules, {rule:String}))
 GROUP BY events.approval_id, kind, person
 ORDER BY decided_at DESC, approval_id, approver LIMIT {limit:UInt32}`,
});

const reviewed = z
  .enum(["yes", "no"])
  .optional()
  .describe("only reviewed ones, or only those that nobody has reviewed");

export const breakGlassQuery = sqlQuestion({
  name: "break-glass",
  title: "uses of break-glass and their reviews, the ones that nobody has reviewed first",
  parameters: { user, connection, namespace, rule, reviewed },
  sql: `SELECT b.used_at AS used_at, a.approval_id AS approval_id, b.used_by AS used_by, b.why AS why, a.username AS username, a.requested AS requested,
       a.connection AS connection, a.namespace AS namespace, a.rules AS rules, a.uses AS uses, a.break_glass_review AS verdict, b.reviewed_by AS reviewed_by,
       b.reviewed_at AS reviewed_at, b.review AS review, a.url AS url
  FROM (
      SELECT tenant, approval_id, minIf(at, kind = 'break_glass.used') AS used_at, argMaxIf(JSONExtract(payload, 'approvers', 'Array(String)'), at, kind = 'break_glass.used') AS used_by,
             argMaxIf(JSONExtractString(payload, 'reason'), at, kind = 'break_glass.used') AS why,
             maxIf(toString(at), kind = 'break_glass.reviewed') AS reviewed_at,
             argMaxIf(JSONExtract(payload, 'approvers', 'Array(String)'), at, kind = 'break_glass.reviewed') AS reviewed_by,
             argMaxIf(JSONExtractString(payload, 'reason'), at, kind = 'break_glass.reviewed') AS review
        FROM events WHERE kind IN ('break_glass.used', 'break_glass.reviewed') GROUP BY tenant, approval_id
  ) AS b
  JOIN approvals AS a ON a.tenant = b.tenant AND a.approval_id = b.approval_id
 WHERE a.tenant = {tenant:String} AND ${within("b.used_at")} AND ({user:String} = '' OR a.username = {user:String})
   AND ({connection:String} = '' OR a.connection = {connection:String}) AND ({namespace:String} = '' OR a.namespace = {namespace:String})
   AND ({rule:String} = '' OR has(a.rules, {rule:String}))
   AND ({reviewed:String} = '' OR ({reviewed:String} = 'yes') = (a.break_glass_review != ''))
 ORDER BY a.break_glass_review = '' DESC, used_at, approval_id LIMIT {limit:UInt32}`,
});

const exception = z.string().max(253).optional().describe("only this exception");

export const exceptionsUsedQuery = sqlQuestion({
  name: "exceptions-used",
  title: "which exceptions let what through, and for whom: standing ones, approvals of one request, break-glass",
  parameters: { exception, user, rule },
  sql: `SELECT exception, sort AS kind, arraySort(groupUniqArrayArray(lifted)) AS rules, arraySort(groupUniqArray(100)(username)) AS usernames, uniqExact(exchange_id) AS uses,
       arraySort(groupUniqArray(100)(namespace)) AS namespaces, min(at) AS first_at, max(at) AS latest_at
  FROM (
      SELECT at, exception, 'standing' AS sort, [rule] AS lifted, username, exchange_id, namespace
        FROM policy_findings WHERE tenant = {tenant:String} AND kind = 'request.outcome' AND exception != ''
      UNION ALL
      SELECT at, JSONExtractString(finding, 'exception') AS exception, 'standing' AS sort, [JSONExtractString(finding, 'rule')] AS lifted, username, exchange_id, namespace
        FROM events ARRAY JOIN JSONExtractArrayRaw(payload, 'findings') AS finding
       WHERE tenant = {tenant:String} AND kind IN ('dialogue.prompt', 'dialogue.tool_use') AND exception != ''
      UNION ALL
      SELECT at, approval_id AS exception, if(break_glass, 'break-glass', 'one request') AS sort, rules AS lifted, username, exchange_id, namespace
        FROM events WHERE tenant = {tenant:String} AND kind = 'approval.consumed'
  )
 WHERE ${within("at")} AND ({user:String} = '' OR username = {user:String}) AND ({exception:String} = '' OR exception = {exception:String})
   AND ({rule:String} = '' OR has(lifted, {rule:String}))
 GROUP BY exception, sort
 ORDER BY uses DESC, exception LIMIT {limit:UInt32}`,
});
