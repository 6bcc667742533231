import type { Builder, Dataquery } from "@grafana/grafana-foundation-sdk/cog";
import { namedQuery } from "../../../audit/questions/named-queries.ts";

/** The data source of Grafana's own ClickHouse plugin that the dashboard's reader picks. */
export const DATASOURCE = { type: "grafana-clickhouse-datasource", uid: "$" + "{datasource}" };

/** What the plugin sends for one query in its SQL editor (version 4). */
interface ClickHouseQuery extends Dataquery {
  refId: string;
  datasource: typeof DATASOURCE;
  editorType: "sql";
  queryType: "table" | "timeseries";
  /** sqlutil.FormatQueryOption of the plugin's SDK: 0 is a time series, 1 a table. */
  format: 0 | 1;
  rawSql: string;
}

/** A query of a panel. A time series has a column `time`, numbers, and text that names each series. */
export function clickHouse(rawSql: string, queryType: "table" | "timeseries" = "table"): Builder<Dataquery> {
  const query: ClickHouseQuery = {
    refId: "A",
    datasource: DATASOURCE,
    editorType: "sql",
    queryType,
    format: queryType === "table" ? 1 : 0,
    rawSql,
    _implementsDataqueryVariant() {},
  };
  return { build: () => query };
}

const variable = (name: string, format = ""): string => `$${`{${name}${format}}`}`;
/** The dashboard's own variables, as SQL's literals; what its reader leaves empty holds for all. */
export const TENANT = variable("tenant", ":singlequote");
export const PERIOD = `since = fromUnixTimestamp64Milli(${variable("__from")}, 'UTC'), until = fromUnixTimestamp64Milli(${variable("__to")}, 'UTC')`;
/** Of a time series: as wide as a point on the screen. */
export const TIME = (column: string): string => `toStartOfInterval(${column}, INTERVAL $__interval_s second) AS time`;
export const within = (column: string): string =>
  `${column} >= fromUnixTimestamp64Milli(${variable("__from")}, 'UTC') AND ${column} < fromUnixTimestamp64Milli(${variable("__to")}, 'UTC')`;

const FROM_THE_DASHBOARD: Record<string, string> = {
  tenant: TENANT,
  since: variable("__from"),
  until: variable("__to"),
  limit: "1000",
  ...Object.fromEntries(
    ["user", "connection", "namespace", "rule"].map((name) => [name, variable(name, ":singlequote")]),
  ),
};

/** The SQL of a named query, asked with what the dashboard's reader chose. */
export function named(name: string): string {
  const sql = namedQuery(name)?.sql;
  if (sql === undefined) throw new Error(`${name} is no named query of one SELECT`);
  return sql.replace(/\{(\w+):([^{}]+)\}/g, (_, parameter: string, type: string) => {
    const absent = type.startsWith("Array") ? `CAST([], '${type}')` : "''";
    return FROM_THE_DASHBOARD[parameter] ?? absent;
  });
}
