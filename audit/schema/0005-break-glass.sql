-- One row an approval, from the events that carry its approval_id.
--   state       of its last approval.* event, approved where it was let through by break-glass; pending before that,
--               timed_out is no state (a hold may be taken up again)
--   break_glass_review   payload.verdict of its review, '' before
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
    if(countIf(kind LIKE 'approval.%' OR kind = 'break_glass.used') = 0, 'pending', replaceOne(argMaxIf(if(kind = 'break_glass.used', 'approval.approved', kind), at, kind LIKE 'approval.%' OR kind = 'break_glass.used'), 'approval.', '')) AS state,
    countIf(kind IN ('approval.approved', 'approval.consumed', 'break_glass.used')) > 0 AS was_approved,
    countIf(kind = 'approval.denied') > 0                                          AS was_denied,
    countIf(kind = 'break_glass.used') > 0                                         AS break_glass,
    argMaxIf(JSONExtractString(payload, 'verdict'), at, kind = 'break_glass.reviewed') AS break_glass_review,
    countIf(kind = 'approval.consumed')                                            AS uses,
    arraySort(arrayDistinct(arrayFlatten(groupArrayIf(JSONExtract(payload, 'approvers', 'Array(String)'), kind IN ('approval.approved', 'approval.denied', 'break_glass.used'))))) AS approvers,
    argMaxIf(JSONExtractString(payload, 'reason'), at, kind IN ('approval.approved', 'approval.denied', 'approval.revoked', 'approval.cancelled', 'break_glass.used')) AS reason,
    maxIf(JSONExtractString(payload, 'url'), JSONHas(payload, 'url'))              AS url
FROM events
WHERE approval_id != '' AND (kind LIKE 'hold.%' OR kind LIKE 'approval.%' OR kind LIKE 'break_glass.%')
GROUP BY tenant, approval_id
;
-- One row a session. Who read it or killed it is not who it is of: their events stand in its chain.
--   break_glass   how many of its requests were let through by break-glass
CREATE OR REPLACE VIEW sessions AS
SELECT
    tenant,
    session_id,
    min(at)                                                          AS started_at,
    max(at)                                                          AS last_at,
    maxIf(events.issuer, events.username != '' AND kind NOT IN ('read', 'session.killed')) AS issuer,
    maxIf(events.username, kind NOT IN ('read', 'session.killed'))   AS username,
    maxIf(JSONExtractString(payload, 'agent'), kind = 'session.opened')  AS agent,
    maxIf(JSONExtractString(payload, 'reason'), kind = 'session.opened') AS reason,
    groupUniqArrayIf(events.connection, events.connection != '')     AS connections,
    uniqExactIf(exchange_id, kind IN ('request.refused', 'request.intent', 'request.outcome')) AS requests,
    uniqExactIf(exchange_id, kind = 'request.refused')               AS refused,
    uniqExactIf(approval_id, kind = 'hold.opened')                   AS held,
    countIf(notEmpty(events.masked_fields) AND kind = 'request.outcome') AS masked,
    countIf(kind IN ('recorder.gap', 'recorder.torn')) > 0           AS has_gaps,
    count()                                                          AS events,
    multiIf(countIf(kind = 'session.killed') > 0, 'killed', countIf(kind = 'session.closed') > 0, 'closed', 'open') AS state,
    uniqExactIf(approval_id, kind = 'break_glass.used')              AS break_glass
FROM events
GROUP BY tenant, session_id
;
