import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { RowBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { named, PERIOD, TENANT, TIME, within } from "./clickhouse.ts";
import { bars, dashboard, number, overTime, table } from "./panels.ts";

const PRIVILEGED = `FROM operations_within(${PERIOD}, every = 0, session = '') WHERE tenant = ${TENANT}`;
const ALL = `FROM operations_within(${PERIOD}, every = 1, session = '') WHERE tenant = ${TENANT}`;
/** Asked of events before it is worked out what became of each request. */
const REFUSED = `outcome IN ('blocked', 'denied', 'expired') AND exchange_id IN (SELECT exchange_id FROM events WHERE tenant = ${TENANT} AND kind = 'request.refused')`;
const EVENTS = `FROM events WHERE tenant = ${TENANT} AND ${within("at")}`;
const counted = (condition: string, from = PRIVILEGED): string => `SELECT countIf(${condition}) AS operations ${from}`;

const privileged = dashboard(
  "privileged-operations",
  "Sallyport: privileged operations",
  "Every privileged operation of an agent and what became of it",
)
  .withPanel(number({ title: "Privileged operations", sql: counted("true") }))
  .withPanel(
    number(
      {
        title: "Unaccounted for",
        description: "Nobody's rule named it (unguarded), or nothing tells how it ended (unknown).",
        sql: counted("outcome IN ('unguarded', 'unknown')"),
      },
      true,
    ),
  )
  .withPanel(number({ title: "Blocked", sql: counted("outcome = 'blocked'") }))
  .withPanel(number({ title: "Denied or expired", sql: counted("outcome IN ('denied', 'expired')") }))
  .withPanel(number({ title: "Approved", sql: counted("outcome = 'approved'") }))
  .withPanel(number({ title: "Break-glass", sql: counted("outcome = 'break-glass'") }, true))
  .withPanel(
    overTime({
      title: "By outcome",
      sql: `SELECT ${TIME("at")}, outcome, count() AS operations ${PRIVILEGED} GROUP BY time, outcome ORDER BY time, outcome`,
    }),
  )
  .withPanel(table({ title: "Operations, unaccounted ones first", sql: named("privileged-operations") }))
  .withPanel(table({ title: "Unguarded, by what they are", sql: named("unguarded") }, 12))
  .withPanel(table({ title: "Who approved what", sql: named("who-approved") }, 12));

const agents = dashboard("agents", "Sallyport: what agents do", "Sessions, requests and what was refused")
  .withPanel(
    number({
      title: "Sessions",
      sql: `SELECT uniqExact(session_id) AS sessions ${EVENTS} AND kind = 'session.opened'`,
    }),
  )
  .withPanel(number({ title: "Requests", sql: `SELECT count() AS requests ${ALL}` }))
  .withPanel(number({ title: "Refused", sql: `SELECT count() AS operations ${ALL} AND ${REFUSED}` }))
  .withPanel(
    number({
      title: "Held for a human",
      sql: `SELECT uniqExact(approval_id) AS held ${EVENTS} AND kind = 'hold.opened'`,
    }),
  )
  .withPanel(
    number(
      {
        title: "Gaps and tears",
        description: "Times in which the recorder left something out, and spools that were torn.",
        sql: `SELECT count() AS gaps ${EVENTS} AND kind IN ('recorder.gap', 'recorder.torn')`,
      },
      true,
    ),
  )
  .withPanel(
    number({
      title: "p99 of an answer",
      sql: `SELECT quantile(0.99)(duration_us) / 1000 AS milliseconds ${EVENTS} AND kind = 'request.outcome'`,
    }).unit("ms"),
  )
  .withPanel(
    overTime({
      title: "Requests by outcome",
      sql: `SELECT ${TIME("at")}, outcome, count() AS requests ${ALL} GROUP BY time, outcome ORDER BY time, outcome`,
    }),
  )
  .withPanel(
    bars({
      title: "Refused, by rule",
      sql: `SELECT one AS rule, count() AS refused FROM (SELECT rules ${ALL} AND ${REFUSED}) ARRAY JOIN rules AS one GROUP BY one ORDER BY refused DESC LIMIT 20`,
    }),
  )
  .withPanel(
    bars({
      title: "Requests, by user",
      sql: `SELECT username, count() AS requests ${ALL} GROUP BY username ORDER BY requests DESC LIMIT 20`,
    }),
  )
  .withPanel(table({ title: "Refused attempts, by rule and identity", sql: named("blocked-attempts") }))
  .withPanel(
    table({
      title: "Sessions",
      sql: `SELECT * FROM sessions WHERE tenant = ${TENANT} AND ${within("last_at")} ORDER BY last_at DESC LIMIT 1000`,
    }),
  )
  .withPanel(table({ title: "Sessions whose record is not whole", sql: named("sessions-with-gaps") }));

const sensitive = dashboard(
  "secrets-and-exceptions",
  "Sallyport: secrets, break-glass and exceptions",
  "What an auditor asks about by name",
)
  .withRow(new RowBuilder("Secrets"))
  .withPanel(
    overTime({
      title: "Masked fields, by resource",
      sql: `SELECT ${TIME("at")}, resource, count() AS fields FROM masked_fields WHERE tenant = ${TENANT} AND ${within("at")} GROUP BY time, resource ORDER BY time, resource`,
    }),
  )
  .withPanel(table({ title: "Values that were read, by their HMAC; unmasked reads first", sql: named("secret-reads") }))
  .withPanel(table({ title: "Values that stood in several places", sql: named("equal-values") }))
  .withRow(new RowBuilder("Break-glass and exceptions"))
  .withPanel(table({ title: "Break-glass, what nobody has reviewed first", sql: named("break-glass") }))
  .withPanel(table({ title: "Exceptions that let something through", sql: named("exceptions-used") }))
  .withPanel(table({ title: "Approvals", sql: named("approvals") }))
  .withRow(new RowBuilder("The record itself"))
  .withPanel(table({ title: "Who read the record", sql: named("reads") }));

/** Each dashboard by the name of its file in deploy/grafana. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  "privileged-operations": privileged.build(),
  agents: agents.build(),
  "secrets-and-exceptions": sensitive.build(),
};

/** A dashboard's file, byte for byte. */
export const fileOf = (dashboard: Dashboard): string => `${JSON.stringify(dashboard, undefined, 2)}\n`;
