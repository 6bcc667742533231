-- One row an exchange, from its events. `gather` calls have ids of their own and are the gateway's, not the agent's.
--
--   refused      a request.refused was written; `code` is its payload.code
--   forwarded    1: a request.intent or request.outcome says that the request went (or was about to go) upstream;
--                a later payload.forwarded = false takes it back
--   answered     a request.outcome was written
CREATE OR REPLACE VIEW exchanges AS
SELECT
    tenant,
    exchange_id,
    min(at)                                                          AS first_at,
    any(events.session_id)                                           AS session_id,
    anyLast(events.issuer)                                           AS issuer,
    anyLast(events.username)                                         AS username,
    anyLast(events.connection)                                       AS connection,
    anyLast(events.verb)                                             AS verb,
    anyLast(events.api_group)                                        AS api_group,
    anyLast(events.resource)                                         AS resource,
    anyLast(events.subresource)                                      AS subresource,
    anyLast(events.namespace)                                        AS namespace,
    max(events.name)                                                 AS name,
    anyLast(events.path)                                             AS path,
    argMax(events.status, at)                                        AS status,
    arraySort(arrayDistinct(arrayFlatten(groupArray(events.rules)))) AS rules,
    max(events.approval_id)                                          AS approval_id,
    max(events.break_glass)                                          AS break_glass,
    arrayDistinct(arrayFlatten(groupArray(events.masked_fields)))    AS masked_fields,
    countIf(kind = 'request.refused') > 0                            AS refused,
    countIf(kind = 'request.outcome') > 0                            AS answered,
    countIf(kind IN ('request.intent', 'request.outcome')) > 0       AS intended,
    argMaxIf(JSONExtractString(payload, 'code'), at, kind = 'request.refused')    AS code,
    argMaxIf(JSONExtractString(payload, 'message'), at, kind = 'request.refused') AS message,
    countIf(kind != 'request.intent' AND JSONType(payload, 'forwarded') = 'Bool' AND NOT JSONExtractBool(payload, 'forwarded')) > 0 AS not_forwarded,
    arrayDistinct(arrayFlatten(groupArray(JSONExtractArrayRaw(payload, 'findings')))) AS findings
FROM events
WHERE exchange_id != '' AND kind IN ('request.refused', 'request.intent', 'request.outcome')
GROUP BY tenant, exchange_id
;
-- One row an approval, from the events that carry its approval_id.
--   state       of its last approval.* event; pending before that, timed_out is no state (a hold may be taken up again)
--   approvers   payload.approvers ["<username>", …] of approval.approved, denied and break_glass.used
--   reason      payload.reason of the event that settled it
--   url         payload.url of any of them
CREATE OR REPLACE VIEW approvals AS
SELECT
    tenant,
    approval_id,
    min(at)                                                                        AS opened_at,
    maxIf(at, kind LIKE 'approval.%' OR kind = 'break_glass.used')                 AS settled_at,
    argMinIf(events.session_id, at, kind IN ('hold.opened', 'hold.reattached'))    AS session_id,
    argMinIf(events.issuer, at, kind IN ('hold.opened', 'hold.reattached'))        AS issuer,
    argMinIf(events.username, at, kind IN ('hold.opened', 'hold.reattached'))      AS username,
    argMinIf(events.connection, at, kind = 'hold.opened')                          AS connection,
    argMinIf(events.verb, at, kind = 'hold.opened')                                AS verb,
    argMinIf(events.api_group, at, kind = 'hold.opened')                           AS api_group,
    argMinIf(events.resource, at, kind = 'hold.opened')                            AS resource,
    argMinIf(events.subresource, at, kind = 'hold.opened')                         AS subresource,
    argMinIf(events.namespace, at, kind = 'hold.opened')                           AS namespace,
    argMinIf(events.name, at, kind = 'hold.opened')                                AS name,
    arraySort(arrayDistinct(arrayFlatten(groupArrayIf(events.rules, kind = 'hold.opened')))) AS rules,
    if(countIf(kind LIKE 'approval.%') = 0, 'pending', replaceOne(argMaxIf(kind, at, kind LIKE 'approval.%'), 'approval.', '')) AS state,
    countIf(kind IN ('approval.approved', 'approval.consumed')) > 0                AS was_approved,
    countIf(kind = 'approval.denied') > 0                                          AS was_denied,
    countIf(kind = 'break_glass.used') > 0                                         AS break_glass,
    countIf(kind = 'approval.consumed')                                            AS uses,
    arraySort(arrayDistinct(arrayFlatten(groupArrayIf(JSONExtract(payload, 'approvers', 'Array(String)'), kind IN ('approval.approved', 'approval.denied', 'break_glass.used'))))) AS approvers,
    argMaxIf(JSONExtractString(payload, 'reason'), at, kind IN ('approval.approved', 'approval.denied', 'approval.revoked', 'approval.cancelled', 'break_glass.used')) AS reason,
    maxIf(JSONExtractString(payload, 'url'), JSONHas(payload, 'url'))              AS url
FROM events
WHERE approval_id != '' AND (kind LIKE 'hold.%' OR kind LIKE 'approval.%' OR kind LIKE 'break_glass.%')
GROUP BY tenant, approval_id
;
-- Every exchange that is in the catalogue, or that a privileged finding named, and what became of it. `outcome` is the
-- first that holds:
--   denied       refused with code approval-denied, or after a denial of its approval
--   expired      refused with code approval-pending: the hold ran out
--   unknown      forwarded, and nothing tells how it ended: an intent with no outcome (a refusal after the intent
--                counts as an end only where it says that nothing was forwarded: payload.forwarded = false, or
--                code recorder-unavailable, since the intent is on disk before anything goes upstream)
--   blocked      any other refusal
--   break-glass  break_glass is set, or its approval was a break-glass
--   approved     it carries an approval_id
--   exempted     a finding was lifted by a standing exception (payload.findings[].exception)
--   masked       fields were masked in the answer
--   observed     a rule named it, and let it pass
--   unguarded    in the catalogue, and no rule named it
CREATE OR REPLACE VIEW privileged_operations AS
WITH
    (SELECT groupArray(tuple(verbs, groups, resources, subresources, namespaces, names, paths)) FROM privileged_catalogue) AS catalogue
SELECT
    e.first_at AS at,
    e.tenant AS tenant,
    e.session_id AS session_id,
    e.exchange_id AS exchange_id,
    e.issuer AS issuer,
    e.username AS username,
    e.connection AS connection,
    e.verb AS verb,
    e.api_group AS api_group,
    e.resource AS resource,
    e.subresource AS subresource,
    e.namespace AS namespace,
    e.name AS name,
    e.rules AS rules,
    multiIf(
        e.refused AND NOT e.answered AND (e.code = 'approval-denied'), 'denied',
        e.refused AND NOT e.answered AND (e.code = 'approval-pending'), 'expired',
        e.intended AND NOT e.answered AND NOT (e.refused AND (e.not_forwarded OR e.code = 'recorder-unavailable')), 'unknown',
        e.refused AND (NOT e.answered OR e.not_forwarded), 'blocked',
        e.break_glass OR a.break_glass, 'break-glass',
        e.approval_id != '', 'approved',
        arrayExists(f -> JSONExtractString(f, 'exception') != '', e.findings), 'exempted',
        notEmpty(e.masked_fields), 'masked',
        notEmpty(e.rules) OR notEmpty(e.findings), 'observed',
        'unguarded'
    ) AS outcome,
    e.status AS status,
    e.approval_id AS approval_id,
    a.approvers AS approvers,
    a.url AS pull_request,
    if(a.reason != '', a.reason, e.message) AS reason
FROM exchanges AS e
LEFT JOIN approvals AS a ON a.tenant = e.tenant AND a.approval_id = e.approval_id
WHERE
    e.code = 'impersonation'
    OR arrayExists(f -> JSONExtractBool(f, 'privileged'), e.findings)
    OR arrayExists(
        c -> (has(c.1, '*') OR has(c.1, e.verb))
            AND (has(c.2, '*') OR has(c.2, e.api_group))
            AND (has(c.3, '*') OR has(c.3, e.resource))
            AND (has(c.4, '*') OR has(c.4, e.subresource))
            AND (has(c.5, '*') OR has(c.5, e.namespace))
            AND (has(c.6, '*') OR has(c.6, e.name))
            AND arrayExists(p -> p = '*' OR e.path LIKE replaceAll(p, '*', '%'), c.7)
            AND NOT (e.resource = '' AND has(c.7, '*')),
        catalogue)
;
CREATE OR REPLACE VIEW sessions AS
SELECT
    tenant,
    session_id,
    min(at)                                                          AS started_at,
    max(at)                                                          AS last_at,
    maxIf(events.issuer, events.username != '')                      AS issuer,
    max(events.username)                                             AS username,
    maxIf(JSONExtractString(payload, 'agent'), kind = 'session.opened')  AS agent,
    maxIf(JSONExtractString(payload, 'reason'), kind = 'session.opened') AS reason,
    groupUniqArrayIf(events.connection, events.connection != '')     AS connections,
    uniqExactIf(exchange_id, kind IN ('request.refused', 'request.intent', 'request.outcome')) AS requests,
    uniqExactIf(exchange_id, kind = 'request.refused')               AS refused,
    uniqExactIf(approval_id, kind = 'hold.opened')                   AS held,
    countIf(notEmpty(events.masked_fields) AND kind = 'request.outcome') AS masked,
    countIf(kind IN ('recorder.gap', 'recorder.torn')) > 0           AS has_gaps,
    count()                                                          AS events,
    multiIf(countIf(kind = 'session.killed') > 0, 'killed', countIf(kind = 'session.closed') > 0, 'closed', 'open') AS state
FROM events
GROUP BY tenant, session_id
;
CREATE OR REPLACE VIEW masked_fields AS
SELECT at, tenant, session_id, exchange_id, issuer, username, connection, verb, api_group, resource, subresource, namespace, name, field, rules, revision
FROM events
ARRAY JOIN masked_fields AS field
WHERE kind = 'request.outcome'
;
CREATE OR REPLACE VIEW policy_findings AS
SELECT
    at, tenant, session_id, exchange_id, kind, issuer, username, connection, verb, api_group, resource, subresource, namespace, name,
    JSONExtractString(finding, 'rule')       AS rule,
    JSONExtractString(finding, 'effect')     AS effect,
    JSONExtractString(finding, 'severity')   AS severity,
    JSONExtractBool(finding, 'privileged')   AS privileged,
    JSONExtractString(finding, 'message')    AS message,
    JSONExtractString(finding, 'exception')  AS exception,
    revision, decision_id
FROM events
ARRAY JOIN JSONExtractArrayRaw(payload, 'findings') AS finding
WHERE kind IN ('request.refused', 'request.outcome')
