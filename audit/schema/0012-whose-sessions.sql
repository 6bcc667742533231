-- Whose a session is, by how it was opened: `session.closed` names its owner, and what others did stands in it too. One
-- that was never opened on record is of whom the first of its other events names.
--   owner, owner_issuer   the person that an agent acts for, who is the user itself where there is no agent
CREATE OR REPLACE VIEW sessions AS
SELECT
    tenant,
    session_id,
    min(at)                                                          AS started_at,
    max(at)                                                          AS last_at,
    argMinIf((events.issuer, events.username), (multiIf(kind = 'session.opened', 0, kind = 'session.closed', 2, 1), at, events.username), events.username != '' AND kind NOT IN ('read', 'session.killed')).1 AS issuer,
    argMinIf((events.issuer, events.username), (multiIf(kind = 'session.opened', 0, kind = 'session.closed', 2, 1), at, events.username), events.username != '' AND kind NOT IN ('read', 'session.killed')).2 AS username,
    maxIf(if(kind = 'session.opened', JSONExtractString(payload, 'agent'), ''), kind = 'session.opened')  AS agent,
    maxIf(if(kind = 'session.opened', JSONExtractString(payload, 'reason'), ''), kind = 'session.opened') AS reason,
    groupUniqArrayIf(events.connection, events.connection != '')     AS connections,
    uniqExactIf(exchange_id, kind IN ('request.refused', 'request.intent', 'request.outcome')) AS requests,
    uniqExactIf(exchange_id, kind = 'request.refused')               AS refused,
    uniqExactIf(approval_id, kind = 'hold.opened')                   AS held,
    countIf(notEmpty(events.masked_fields) AND kind = 'request.outcome') AS masked,
    countIf(kind IN ('recorder.gap', 'recorder.torn')) > 0           AS has_gaps,
    count()                                                          AS events,
    multiIf(countIf(kind = 'session.killed') > 0, 'killed', countIf(kind = 'session.closed') > 0, 'closed', 'open') AS state,
    uniqExactIf(approval_id, kind = 'break_glass.used')              AS break_glass,
    argMinIf(if(kind = 'session.opened', JSONExtractString(payload, 'owner', 'issuer'), ''), (at, events.username), kind = 'session.opened')   AS owner_issuer,
    argMinIf(if(kind = 'session.opened', JSONExtractString(payload, 'owner', 'username'), ''), (at, events.username), kind = 'session.opened') AS owner
FROM events
GROUP BY tenant, session_id
;
