-- What questions ask of each event, worked out once when it is written: ten million payloads are not parsed again for
-- each question. Rows that were there before have it worked out as they are read.
--
--   family       the line of privileged_catalogue that the operation is in, '' where in none. The same list as that
--                view's, as comparisons: 0.2 µs an event where matching the view's arrays took 6.8 (a test compares them)
--   refusal      payload.code of a refusal
--   lifted_by    names of the standing exceptions that lifted a finding
--   privileged   in the catalogue, or a finding says so, or somebody tried to impersonate
--   refusal_message  payload.message of a refusal, and
--   not_forwarded    whether it says that nothing went upstream (payload.forwarded = false): with these, what became of a
--                month's privileged operations is told without their payloads. One event in thirteen is privileged, so each
--                granule has some, and all payloads of the month were read: 70 ms of CPU instead of 95 for a month of a
--                year's million events
ALTER TABLE events ADD COLUMN IF NOT EXISTS family LowCardinality(String) MATERIALIZED multiIf(
    api_group = '' AND resource = 'pods' AND subresource IN ('exec', 'attach', 'portforward', 'proxy'), 'exec, attach, port-forward, proxy',
    api_group = '' AND resource = 'services' AND subresource = 'proxy', 'exec, attach, port-forward, proxy',
    api_group = '' AND resource = 'pods' AND subresource = 'ephemeralcontainers' AND verb IN ('create', 'update', 'patch'), 'ephemeral containers',
    api_group = '' AND resource = 'nodes' AND subresource = 'proxy', 'node proxy',
    api_group = '' AND resource = 'secrets' AND subresource = '' AND verb IN ('get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'), 'secrets',
    api_group = '' AND resource = 'serviceaccounts' AND subresource = 'token' AND verb = 'create', 'service account tokens',
    api_group = 'rbac.authorization.k8s.io' AND resource IN ('roles', 'rolebindings', 'clusterroles', 'clusterrolebindings') AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection', 'bind', 'escalate'), 'RBAC',
    verb = 'impersonate' AND resource != '', 'impersonation',
    api_group = 'certificates.k8s.io' AND resource = 'certificatesigningrequests' AND subresource = '' AND verb = 'create', 'certificate signing requests',
    api_group = 'certificates.k8s.io' AND resource = 'certificatesigningrequests' AND subresource IN ('approval', 'status') AND verb IN ('update', 'patch'), 'certificate signing requests',
    api_group = 'certificates.k8s.io' AND resource = 'signers' AND verb IN ('approve', 'sign'), 'certificate signing requests',
    api_group = 'admissionregistration.k8s.io' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'admission and API machinery',
    api_group = 'apiregistration.k8s.io' AND resource = 'apiservices' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'admission and API machinery',
    api_group = 'apiextensions.k8s.io' AND resource = 'customresourcedefinitions' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'admission and API machinery',
    verb IN ('create', 'update', 'patch', 'delete', 'deletecollection') AND namespace IN ('kube-system', 'kube-public', 'kube-node-lease') AND resource != '', 'system namespaces',
    api_group = 'batch' AND resource = 'cronjobs' AND subresource = '' AND verb IN ('create', 'update', 'patch'), 'persistence',
    api_group = 'apps' AND resource = 'daemonsets' AND subresource = '' AND verb IN ('create', 'update', 'patch'), 'persistence',
    api_group = '' AND resource = 'nodes' AND subresource IN ('', 'status') AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'nodes',
    api_group = '' AND resource = 'pods' AND subresource IN ('eviction', 'binding') AND verb = 'create', 'nodes',
    api_group = '' AND resource = 'bindings' AND subresource = '' AND verb = 'create', 'nodes',
    api_group = '' AND resource = 'persistentvolumes' AND subresource = '' AND verb IN ('create', 'delete', 'deletecollection'), 'storage',
    api_group = '' AND resource = 'persistentvolumes' AND subresource = '' AND verb IN ('update', 'patch'), 'storage',
    api_group = '' AND resource = 'persistentvolumeclaims' AND subresource = '' AND verb IN ('delete', 'deletecollection'), 'storage',
    api_group = 'snapshot.storage.k8s.io' AND subresource = '' AND verb IN ('delete', 'deletecollection'), 'storage',
    api_group = '' AND resource = 'namespaces' AND subresource = '' AND verb IN ('delete', 'deletecollection'), 'destruction',
    api_group = '' AND resource = 'namespaces' AND subresource = 'finalize' AND verb = 'update', 'destruction',
    verb = 'deletecollection' AND resource != '', 'destruction',
    api_group = 'networking.k8s.io' AND resource = 'networkpolicies' AND subresource = '' AND verb IN ('delete', 'deletecollection'), 'network',
    api_group = '' AND resource = 'services' AND subresource = 'status' AND verb IN ('update', 'patch'), 'network',
    api_group = 'discovery.k8s.io' AND resource = 'endpointslices' AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'network',
    api_group = '' AND resource = 'endpoints' AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'network',
    api_group = '' AND resource = 'configmaps' AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection') AND namespace = 'kube-system' AND name = 'coredns', 'network',
    api_group = '' AND resource = 'configmaps' AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection') AND namespace = 'kube-system' AND name = 'aws-auth', 'cloud identity',
    api_group IN ('', 'events.k8s.io') AND resource = 'events' AND subresource = '' AND verb IN ('delete', 'deletecollection'), 'evidence',
    api_group = '' AND resource IN ('resourcequotas', 'limitranges') AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'tenancy',
    api_group = '' AND resource = 'namespaces' AND subresource = '' AND verb IN ('update', 'patch'), 'tenancy',
    api_group = 'coordination.k8s.io' AND resource = 'leases' AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'tenancy',
    api_group = 'policy' AND resource = 'poddisruptionbudgets' AND subresource = '' AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'tenancy',
    api_group IN ('argoproj.io', 'kustomize.toolkit.fluxcd.io', 'helm.toolkit.fluxcd.io', 'source.toolkit.fluxcd.io') AND verb IN ('create', 'update', 'patch', 'delete', 'deletecollection'), 'tenancy',
    api_group = 'authorization.k8s.io' AND resource IN ('selfsubjectaccessreviews', 'selfsubjectrulesreviews') AND subresource = '' AND verb = 'create', 'recon',
    api_group = '' AND resource = 'pods' AND subresource = 'log' AND verb = 'get', 'recon',
    api_group = '' AND resource = '' AND subresource = '' AND match(path, '^/(debug/|logs$|logs/|metrics$|metrics/)'), 'recon',
    '')
  , ADD COLUMN IF NOT EXISTS refusal LowCardinality(String) MATERIALIZED if(kind = 'request.refused', JSONExtractString(payload, 'code'), '')
  , ADD COLUMN IF NOT EXISTS lifted_by Array(LowCardinality(String)) MATERIALIZED if(kind IN ('request.refused', 'request.intent', 'request.outcome'), arrayFilter(x -> x != '', arrayMap(f -> JSONExtractString(f, 'exception'), JSONExtractArrayRaw(payload, 'findings'))), [])
  , ADD COLUMN IF NOT EXISTS privileged Bool MATERIALIZED kind IN ('request.refused', 'request.intent', 'request.outcome') AND (family != '' OR refusal = 'impersonation' OR arrayExists(f -> JSONExtractBool(f, 'privileged'), JSONExtractArrayRaw(payload, 'findings')))
  , ADD COLUMN IF NOT EXISTS refusal_message String MATERIALIZED if(kind = 'request.refused', JSONExtractString(payload, 'message'), '') CODEC(ZSTD(3))
  , ADD COLUMN IF NOT EXISTS not_forwarded Bool MATERIALIZED kind = 'request.refused' AND JSONType(payload, 'forwarded') = 'Bool' AND NOT JSONExtractBool(payload, 'forwarded')
;
-- One row an approval, from the events that carry its approval_id.
--   state       of its last approval.* event, approved where it was let through by break-glass; pending before that,
--               timed_out is no state (a hold may be taken up again)
--   approvers   payload.approvers ["<username>", …] of approval.approved, denied and break_glass.used
--   reason      payload.reason of the event that settled it
--   url         payload.url of any of them
--   break_glass_review   payload.verdict of its review, '' before
--   ended_by    who cancelled or revoked it; empty where the gateway itself did
--   timed_out   exchanges whose hold ran out before anybody decided
--   requested   what was asked for, as one text
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
    maxIf(JSONExtractString(payload, 'url'), JSONHas(payload, 'url'))              AS url,
    arraySort(arrayDistinct(arrayFlatten(groupArrayIf(JSONExtract(payload, 'approvers', 'Array(String)'), kind IN ('approval.cancelled', 'approval.revoked'))))) AS ended_by,
    groupUniqArrayIf(events.exchange_id, kind = 'hold.timed_out')                  AS timed_out,
    trim(replaceRegexpAll(argMinIf(concat(events.verb, ' ', events.resource, if(events.api_group = '', '', '.'), events.api_group, if(events.subresource = '', '', '/'), events.subresource, ' ', events.namespace, if(events.namespace = '', '', '/'), events.name), at, kind = 'hold.opened'), ' +', ' ')) AS requested
FROM events
WHERE approval_id != '' AND (kind LIKE 'hold.%' OR kind LIKE 'approval.%' OR kind LIKE 'break_glass.%')
GROUP BY tenant, approval_id
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
