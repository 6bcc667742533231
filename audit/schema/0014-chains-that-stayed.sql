-- Chains that were let go when their time was over: what `audit verify` can tell from chains that somebody removed. One
-- that stayed at the last moment (an event came, or a legal hold) is in `kept` of a later event by the same writer.
CREATE OR REPLACE VIEW expired_chains AS
SELECT
    tenant,
    argMax(said.at, said.seq)                                AS expired_at,
    said.of_session                                          AS session_id,
    said.of_writer                                           AS writer,
    argMax(JSONExtractUInt(said.chain, 'events'), said.seq)      AS events,
    argMax(JSONExtractUInt(said.chain, 'last_seq'), said.seq)    AS last_seq,
    argMax(JSONExtractString(said.chain, 'last_hash'), said.seq) AS last_hash
FROM
(
    SELECT
        tenant,
        at,
        seq,
        writer                                AS said_by,
        said_chain.1                          AS chain,
        said_chain.2                          AS gone,
        JSONExtractString(chain, 'session_id') AS of_session,
        JSONExtractString(chain, 'writer')     AS of_writer
    FROM events
    ARRAY JOIN arrayConcat(
        arrayMap(one -> (one, true), JSONExtractArrayRaw(payload, 'chains')),
        arrayMap(one -> (one, false), JSONExtractArrayRaw(payload, 'kept'))) AS said_chain
    WHERE kind = 'record.expired'
) AS said
GROUP BY tenant, said.said_by, said.of_session, said.of_writer
HAVING argMax(said.gone, said.seq)
