/** Events of a session, as an agent's afternoon has them. */
export const PER_SESSION = 200;
const DAYS = 365;
export const FIRST_DAY = Date.UTC(2025, 10, 22);

export const sessionName = (index: number): string => `bench-${String(index).padStart(8, "0")}`;

/**
 * INSERT of rows `from` to `to` of `total` into a table of the shape of `events`, made by ClickHouse itself: sessions of
 * 200 events spread over a year, three of five reads, every tenth exchange a write with its intent before it, one in
 * forty a read of Secrets with masked fields and a finding. Ids and hashes are as random as real ones, texts as alike.
 */
export function insertRows(table: string, from: number, to: number, total: number): string {
  const sessions = Math.max(1, Math.ceil(total / PER_SESSION));
  const gapMs = Math.floor((DAYS * 86_400_000) / sessions);
  return `INSERT INTO ${table} (tenant, session_id, writer, seq, at, kind, exchange_id, issuer, username, groups, connection, verb,
    api_group, resource, namespace, name, path, status, effect, rules, masked_fields, record_level, revision, user_agent,
    source_ip, duration_us, request_bytes, response_bytes, payload, prev_hash, hash)
  WITH intDiv(number, ${PER_SESSION}) AS s, number % ${PER_SESSION} AS i, i % 10 AS k,
    fromUnixTimestamp64Milli(toInt64(${FIRST_DAY} + s * ${gapMs} + i * 5000), 'UTC') AS moment,
    if(k = 9, number - 1, number) AS exchange,
    lower(hex(sipHash128(exchange))) AS random,
    intDiv(i, 10) % 4 = 0 AND k = 3 AS secret,
    k IN (8, 9) AS write,
    multiIf(secret, 'secrets', write, 'deployments', k < 4, 'pods', k < 6, 'services', 'configmaps') AS what,
    concat('ns-', toString(s % 40)) AS space,
    concat(what, '-', toString(cityHash64(number) % 500)) AS called
  SELECT 'default', concat('bench-', leftPad(toString(s), 8, '0')), concat('019a', substring(lower(hex(sipHash128(intDiv(s, 500)))), 1, 28)), i + 1,
    moment, if(k = 8, 'request.intent', 'request.outcome'),
    concat(leftPad(lower(hex(toUnixTimestamp64Milli(moment))), 12, '0'), substring(random, 1, 20)), 'corp', concat('corp:agent-', toString(s % 200), '@example.com'),
    ['corp:agents', concat('corp:team-', toString(s % 12))], 'prod', if(write, 'patch', if(k % 2 = 0, 'get', 'list')),
    if(write, 'apps', ''), what, space, called,
    concat('/api/v1/namespaces/', space, '/', what, '/', called), 200, 'allow', if(secret, ['secrets/read'], []),
    if(secret, ['data.password', 'data.token'], []), if(write, 'Request', 'Metadata'), 'b1f0c2/77aa01', 'kubectl/v1.36.0 (linux/amd64)',
    '10.0.4.17', 1500 + cityHash64(number, 1) % 40000, if(write, 900, 0), 400 + cityHash64(number, 2) % 90000,
    concat('{"decisionId":"', lower(hex(sipHash128(exchange, 1))), '"', if(secret, ',"findings":[{"effect":"mask","ids":["T1552.007"],"message":"a Secret is read","privileged":true,"rule":"secrets/read","severity":"high"}],"masked":{"data.password":"5d41402abc4b2a76b9719d911017c592","data.token":"7d793037a0760186574b0282f2f435e7"}', ''), '}'),
    lower(hex(SHA256(toString(number - 1)))), lower(hex(SHA256(toString(number))))
  FROM numbers(${from}, ${to - from})`;
}
