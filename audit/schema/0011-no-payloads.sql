-- What became of a month's privileged operations is told without their payloads: one event in thirteen is privileged,
-- so each granule has some, and all payloads of the month were read. 70 ms of CPU instead of 95 for a month of a year's
-- million events.
--
--   refusal_message  payload.message of a refusal
--   not_forwarded    a refusal that says that nothing went upstream: payload.forwarded = false
ALTER TABLE events ADD COLUMN IF NOT EXISTS refusal_message String MATERIALIZED if(kind = 'request.refused', JSONExtractString(payload, 'message'), '') CODEC(ZSTD(3))
  , ADD COLUMN IF NOT EXISTS not_forwarded Bool MATERIALIZED kind = 'request.refused' AND JSONType(payload, 'forwarded') = 'Bool' AND NOT JSONExtractBool(payload, 'forwarded')
;
-- Every exchange that began within [since, until), or with `every` = 0 only the privileged ones, of one session or, with
-- '', of all; and what became of it.
-- `outcome` is the first that holds:
--   denied       refused with code approval-denied; or the approval that it waited for was taken back by a person
--   expired      refused because the hold, or the approval, ran out of time
--   unknown      forwarded, and nothing tells how it ended: an intent with no outcome (a refusal after the intent
--                counts as an end only where it says that nothing was forwarded: payload.forwarded = false, or
--                code recorder-unavailable, since the intent is on disk before anything goes upstream)
--   blocked      any other refusal; so is one whose approval the gateway itself ended, or that others had used up
--   break-glass  break_glass is set, or its approval was a break-glass
--   approved     it carries an approval_id
--   exempted     a finding was lifted by a standing exception (payload.findings[].exception)
--   masked       fields were masked in the answer
--   observed     a rule named it, and let it pass
--   unguarded    in the catalogue, and no rule named it
--   allowed      any other that is not privileged
--
-- A view's reader can give a time only for the whole, and not for the events below its GROUP BY; hence parameters.
-- Eight days on either side, since a session and what began in it lasts seven at most.
CREATE OR REPLACE VIEW operations_within AS
SELECT
    e.first_at AS at,
    e.last_at AS last_at,
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
    e.path AS path,
    e.rules AS rules,
    multiIf(
        e.refused AND NOT e.answered AND e.code = 'approval-denied', 'denied',
        e.refused AND NOT e.answered AND e.code IN ('approval-pending', 'approval-changed') AND has(a.timed_out, e.exchange_id), 'expired',
        e.refused AND NOT e.answered AND e.code = 'approval-pending' AND a.state IN ('cancelled', 'revoked') AND notEmpty(a.ended_by), 'denied',
        e.refused AND NOT e.answered AND e.code = 'approval-pending' AND a.state NOT IN ('cancelled', 'revoked', 'consumed'), 'expired',
        e.intended AND NOT e.answered AND NOT (e.refused AND (e.not_forwarded OR e.code = 'recorder-unavailable')), 'unknown',
        e.refused AND (NOT e.answered OR e.not_forwarded), 'blocked',
        e.break_glass OR a.break_glass, 'break-glass',
        e.approval_id != '', 'approved',
        notEmpty(e.exceptions), 'exempted',
        notEmpty(e.masked_fields), 'masked',
        notEmpty(e.rules), 'observed',
        e.privileged, 'unguarded',
        'allowed'
    ) AS outcome,
    e.status AS status,
    e.approval_id AS approval_id,
    if(outcome = 'denied' AND notEmpty(a.ended_by) AND e.code != 'approval-denied', a.ended_by, a.approvers) AS approvers,
    a.url AS pull_request,
    if(a.reason != '', a.reason, e.message) AS reason,
    e.privileged AS privileged,
    e.family AS family,
    e.code AS code,
    e.exceptions AS exceptions,
    e.masked_fields AS masked_fields,
    e.dry_run AS dry_run,
    e.decision_id AS decision_id,
    e.revision AS revision
FROM
(
    SELECT
        tenant,
        exchange_id,
        min(events.at)                                                   AS first_at,
        max(events.at)                                                   AS last_at,
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
        argMax(events.status, (events.at, events.seq))                   AS status,
        arraySort(groupUniqArrayArray(events.rules))                     AS rules,
        max(events.approval_id)                                          AS approval_id,
        max(events.break_glass)                                          AS break_glass,
        groupUniqArrayArray(events.masked_fields)                        AS masked_fields,
        arraySort(groupUniqArrayArray(events.lifted_by))                 AS exceptions,
        max(events.privileged)                                           AS privileged,
        max(events.family)                                               AS family,
        countIf(kind = 'request.refused') > 0                            AS refused,
        countIf(kind = 'request.outcome') > 0                            AS answered,
        countIf(kind IN ('request.intent', 'request.outcome')) > 0       AS intended,
        max(events.refusal)                                              AS code,
        max(events.refusal_message)                                      AS message,
        max(events.not_forwarded)                                        AS not_forwarded,
        max(JSONExtractBool(payload, 'dryRun'))                          AS dry_run,
        max(events.decision_id)                                          AS decision_id,
        max(events.revision)                                             AS revision
    FROM events
    WHERE exchange_id != '' AND kind IN ('request.refused', 'request.intent', 'request.outcome')
        AND (events.privileged OR {every:UInt8} = 1)
        AND ({session:String} = '' OR events.session_id = {session:String})
        AND events.at >= {since:DateTime64(6, 'UTC')} - INTERVAL 8 DAY
        AND events.at < {until:DateTime64(6, 'UTC')} + INTERVAL 8 DAY
    GROUP BY tenant, exchange_id
    HAVING first_at >= {since:DateTime64(6, 'UTC')} AND first_at < {until:DateTime64(6, 'UTC')}
) AS e
LEFT JOIN approvals AS a ON a.tenant = e.tenant AND a.approval_id = e.approval_id
;
CREATE OR REPLACE VIEW privileged_operations AS
SELECT at, tenant, session_id, exchange_id, issuer, username, connection, verb, api_group, resource, subresource, namespace, name, rules, outcome, status, approval_id, approvers, pull_request, reason
FROM operations_within(since = '1970-01-01 00:00:00', until = '2200-01-01 00:00:00', every = 0, session = '')
