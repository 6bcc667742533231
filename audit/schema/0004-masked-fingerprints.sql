-- One row a masked field.
--   fingerprint   HMAC-SHA-256 of the value under the install's key (payload.masked), '' where the field has none:
--                 equal values have equal ones, wherever they stood, encoded or not
CREATE OR REPLACE VIEW masked_fields AS
SELECT
    at, tenant, session_id, exchange_id, issuer, username, connection, verb, api_group, resource, subresource, namespace, name, field, rules, revision,
    JSONExtractString(payload, 'masked', field) AS fingerprint
FROM events
ARRAY JOIN masked_fields AS field
WHERE kind = 'request.outcome'
;
-- Values that were masked in more than one place: a credential that several objects, logs or terminals share.
CREATE OR REPLACE VIEW equal_values AS
SELECT
    tenant,
    fingerprint,
    min(at)                                                                             AS first_at,
    max(masked_fields.at)                                                               AS last_at,
    count()                                                                             AS times,
    arraySort(groupUniqArray(100)(concat(connection, ' ', namespace, if(namespace = '', '', ' '), resource, if(subresource = '', '', '/'), subresource, ' ', name, ' ', field))) AS places,
    arraySort(groupUniqArray(100)(username))                                            AS usernames
FROM masked_fields
WHERE fingerprint != ''
GROUP BY tenant, fingerprint
HAVING length(places) > 1
;
