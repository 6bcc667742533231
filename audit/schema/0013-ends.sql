-- When a content was stored, in seconds since the epoch: whoever lets contents go (audit/store/retention.ts) takes rows
-- that are older than its look for them alone, so that what another gateway stores meanwhile stays. Rows from before are old.
ALTER TABLE bodies ADD COLUMN IF NOT EXISTS stored_at UInt32 CODEC(T64, ZSTD(1))
;
-- A session is open while a writer has it open: one that ended is closed by the one after it on its spool, which names
-- it in payload.writers; and one that is used again after it was closed is open again (audit/session-life.ts).
--   life    by writer: its last session.opened or session.closed, by number; odd where that was a close
--   ended   writers that others said to have ended
-- Whose a session is, by how it was opened: `session.closed` names its owner, and what others did stands in it too. One
-- that was never opened on record is of whom the first of its other events names.
--   owner, owner_issuer   the person that an agent acts for, who is the user itself where there is no agent
CREATE OR REPLACE VIEW sessions AS
WITH
    if(kind = 'session.closed', JSONExtract(payload, 'writers', 'Array(String)'), []::Array(String)) AS closes,
    kind = 'session.opened' OR kind = 'session.closed' AND (empty(closes) OR has(closes, toString(events.writer))) AS own,
    maxMapIf([toString(events.writer)], [events.seq * 2 + (kind = 'session.closed')], own) AS life,
    groupUniqArrayArrayIf(arrayFilter(one -> one != toString(events.writer), closes), kind = 'session.closed') AS ended
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
    multiIf(countIf(kind = 'session.killed') > 0, 'killed', countIf(kind = 'session.closed') = 0, 'open',
        arrayExists((writer, last) -> last % 2 = 0 AND NOT has(ended, writer), life.1, life.2), 'open', 'closed') AS state,
    uniqExactIf(approval_id, kind = 'break_glass.used')              AS break_glass,
    argMinIf(if(kind = 'session.opened', JSONExtractString(payload, 'owner', 'issuer'), ''), (at, events.username), kind = 'session.opened')   AS owner_issuer,
    argMinIf(if(kind = 'session.opened', JSONExtractString(payload, 'owner', 'username'), ''), (at, events.username), kind = 'session.opened') AS owner
FROM events
GROUP BY tenant, session_id
