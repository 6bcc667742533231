-- Sessions that are kept whatever their age (audit.retention), and why: the last session.held or session.released of
-- each. Holds are events, so that placing and releasing one is in a chain and under the checkpoints like all else.
CREATE OR REPLACE VIEW legal_holds AS
SELECT
    tenant,
    session_id,
    max(at)                                            AS changed_at,
    argMax(kind, tuple(at, seq)) = 'session.held'      AS held,
    argMax(JSONExtractString(payload, 'by'), tuple(at, seq))     AS by,
    argMax(JSONExtractString(payload, 'reason'), tuple(at, seq)) AS reason
FROM events
WHERE kind IN ('session.held', 'session.released')
GROUP BY tenant, session_id
;
-- Chains that were let go when their time was over: what `audit verify` can tell from chains that somebody removed.
CREATE OR REPLACE VIEW expired_chains AS
SELECT
    tenant,
    at                                         AS expired_at,
    JSONExtractString(chain, 'session_id')     AS session_id,
    JSONExtractString(chain, 'writer')         AS writer,
    JSONExtractUInt(chain, 'events')           AS events,
    JSONExtractUInt(chain, 'last_seq')         AS last_seq,
    JSONExtractString(chain, 'last_hash')      AS last_hash
FROM events
ARRAY JOIN JSONExtractArrayRaw(payload, 'chains') AS chain
WHERE kind = 'record.expired'
