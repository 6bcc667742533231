import { z } from "zod";
import { within } from "../period.ts";
import { connection, namespace, rule, user, WHO_AND_WHERE } from "./parameters.ts";
import { sqlQuestion } from "./question.ts";

const fingerprint = z
  .string()
  .max(128)
  .optional()
  .describe("only the value with this HMAC, as masked-fields and secret-reads show it");
const name = z.string().max(253).optional().describe("only of the object of this name");

export const maskedFieldsQuery = sqlQuestion({
  name: "masked-fields",
  title: "which fields were masked, for whom",
  parameters: { user, connection, namespace, fingerprint, name },
  sql: `SELECT * FROM masked_fields
 WHERE tenant = {tenant:String} AND ${within("at")} AND ${WHO_AND_WHERE}
   AND ({fingerprint:String} = '' OR fingerprint = {fingerprint:String}) AND ({name:String} = '' OR name = {name:String})
 ORDER BY at, exchange_id, field LIMIT {limit:UInt32}`,
});

export const equalValuesQuery = sqlQuestion({
  name: "equal-values",
  title: "masked values that stood in several places, by their HMAC",
  sql: `SELECT * FROM equal_values WHERE tenant = {tenant:String} AND ${within("last_at")} ORDER BY last_at, fingerprint LIMIT {limit:UInt32}`,
});

/** One row a value, wherever it stood; a Secret that was read with nothing masked has no fingerprint and a row of its own. */
export const secretReadsQuery = sqlQuestion({
  name: "secret-reads",
  title: "which secrets were read, by the HMAC of their values, by whom and where they stood; unmasked reads first",
  parameters: { user, connection, namespace, name, fingerprint },
  sql: `SELECT fingerprint, masked, arraySort(groupUniqArray(100)(place)) AS places, arraySort(groupUniqArray(100)(username)) AS usernames,
       uniqExact(exchange_id) AS reads, uniqExact(session_id) AS sessions, min(at) AS first_at, max(at) AS latest_at
  FROM (
      SELECT at, exchange_id, session_id, username, fingerprint, true AS masked,
             concat(connection, ' ', namespace, if(namespace = '', '', ' '), resource, if(subresource = '', '', '/'), subresource, ' ', name, ' ', field) AS place
        FROM masked_fields
       WHERE tenant = {tenant:String} AND ${within("at")} AND (fingerprint != '' OR resource = 'secrets') AND ${WHO_AND_WHERE} AND ({name:String} = '' OR name = {name:String})
      UNION ALL
      SELECT at, exchange_id, session_id, username, '' AS fingerprint, false AS masked,
             concat(connection, ' ', namespace, if(namespace = '', '', ' '), resource, ' ', name, ' ', verb) AS place
        FROM events
       WHERE tenant = {tenant:String} AND ${within("at")} AND kind = 'request.outcome' AND resource = 'secrets' AND api_group = '' AND subresource = ''
         AND verb IN ('get', 'list', 'watch') AND status BETWEEN 200 AND 299 AND empty(masked_fields) AND ${WHO_AND_WHERE} AND ({name:String} = '' OR name = {name:String})
  )
 WHERE {fingerprint:String} = '' OR fingerprint = {fingerprint:String}
 GROUP BY fingerprint, masked, if(fingerprint = '', place, '')
 ORDER BY masked, latest_at DESC, fingerprint, places LIMIT {limit:UInt32}`,
});

export const policyFindingsQuery = sqlQuestion({
  name: "policy-findings",
  title: "what the rules found",
  parameters: { user, connection, namespace, rule },
  sql: `SELECT * FROM policy_findings
 WHERE tenant = {tenant:String} AND ${within("at")} AND ${WHO_AND_WHERE} AND ({rule:String} = '' OR rule = {rule:String})
 ORDER BY at, exchange_id, rule LIMIT {limit:UInt32}`,
});

export const readsQuery = sqlQuestion({
  name: "reads",
  title: "who read the record, and what of it, the latest first",
  parameters: { user },
  sql: `SELECT at, issuer, username, session_id, JSONExtractString(payload, 'what') AS what, payload
  FROM events
 WHERE tenant = {tenant:String} AND kind = 'read' AND ${within("at")} AND ({user:String} = '' OR username = {user:String})
 ORDER BY at DESC, session_id LIMIT {limit:UInt32}`,
});
