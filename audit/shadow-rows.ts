import { type Period, periodOf, within } from "./period.ts";
import type { StoreReader } from "./store/store.ts";

/** How a candidate's decisions compare with those in force, by its revision; the latest first. */
export interface ShadowSummary {
  revision: string;
  first_at: string;
  last_at: string;
  judged: number;
  different: number;
  /** Facts that it asks for were not gathered. */
  incomplete: number;
  failed: number;
  us_mean: number;
  us_p99: number;
}

/** A request that a candidate would have decided otherwise, or could not judge whole. */
export interface ShadowDifference {
  at: string;
  exchange_id: string;
  decision_id: string;
  username: string;
  connection: string;
  verb: string;
  api_group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  path: string;
  revision: string;
  /** Of the decision in force; what became of the request is another thing. */
  effect: string;
  findings: string[];
  shadow_effect: string;
  /** `rule=effect`, the strongest of each rule. */
  shadow_findings: string[];
  changes: string[];
  missing: string[];
}

const WHERE = `tenant = {tenant:String} AND kind IN ('request.outcome', 'request.refused', 'request.shadow')
   AND JSONHas(payload, 'shadow')
   AND ${within("at")}`;
const CHANGES = "JSONExtract(payload, 'shadow', 'changes', 'Array(String)')";
const MISSING = "JSONExtract(payload, 'shadow', 'missing', 'Array(String)')";
const FAILED = "has(JSONExtract(payload, 'shadow', 'rules', 'Array(String)'), 'request/policy-failed')";
const findings = (...path: string[]): string =>
  `arraySort(arrayDistinct(arrayMap(f -> concat(JSONExtractString(f, 'rule'), '=', JSONExtractString(f, 'effect')), JSONExtractArrayRaw(payload, ${path.map((one) => `'${one}'`).join(", ")}))))`;

/** How candidates did in a period. */
export function shadowSummary(
  store: StoreReader,
  tenant: string,
  filter: Period & { limit?: number | undefined } = {},
): Promise<ShadowSummary[]> {
  return store.query<ShadowSummary>(
    `SELECT JSONExtractString(payload, 'shadow', 'revision') AS candidate, candidate AS revision, min(at) AS first_at, max(at) AS last_at,
            count() AS judged, countIf(notEmpty(${CHANGES}) AND empty(${MISSING})) AS different,
            countIf(notEmpty(${MISSING})) AS incomplete, countIf(${FAILED}) AS failed,
            round(avg(JSONExtractUInt(payload, 'shadow', 'us'))) AS us_mean,
            round(quantile(0.99)(JSONExtractUInt(payload, 'shadow', 'us'))) AS us_p99
       FROM events WHERE ${WHERE} GROUP BY candidate ORDER BY last_at DESC LIMIT {limit:UInt32}`,
    { tenant, ...periodOf(filter), limit: filter.limit ?? 100 },
  );
}

/** What a candidate would have decided otherwise in a period, the latest first. */
export function shadowDifferences(
  store: StoreReader,
  tenant: string,
  filter: Period & { limit?: number | undefined } = {},
): Promise<ShadowDifference[]> {
  return store.query<ShadowDifference>(
    `SELECT at, exchange_id, decision_id, username, connection, verb, api_group, resource, subresource, namespace, name, path,
            JSONExtractString(payload, 'shadow', 'revision') AS revision,
            multiIf(arrayExists(f -> endsWith(f, '=deny'), findings), 'deny', arrayExists(f -> endsWith(f, '=hold'), findings), 'hold', 'allow') AS effect,
            ${findings("findings")} AS findings,
            JSONExtractString(payload, 'shadow', 'effect') AS shadow_effect,
            ${findings("shadow", "findings")} AS shadow_findings,
            ${CHANGES} AS changes, ${MISSING} AS missing
       FROM events WHERE ${WHERE} AND (notEmpty(changes) OR notEmpty(missing))
      ORDER BY at DESC, exchange_id DESC LIMIT {limit:UInt32}`,
    { tenant, ...periodOf(filter), limit: filter.limit ?? 1000 },
  );
}
