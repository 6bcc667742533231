import { PanelBuilder as BarChartBuilder } from "@grafana/grafana-foundation-sdk/barchart";
import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  BigValueColorMode,
  BigValueGraphMode,
  GraphDrawStyle,
  StackingMode,
  VizOrientation,
} from "@grafana/grafana-foundation-sdk/common";
import {
  DashboardBuilder,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TableBuilder } from "@grafana/grafana-foundation-sdk/table";
import { PanelBuilder as TimeSeriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";
import { clickHouse, DATASOURCE } from "./clickhouse.ts";

/** A dashboard over the last week, with the variables that every panel goes by. */
export function dashboard(uid: string, title: string, description: string): DashboardBuilder {
  return new DashboardBuilder(title)
    .uid(`sallyport-${uid}`)
    .description(description)
    .tags(["sallyport"])
    .time({ from: "now-7d", to: "now" })
    .timezone("utc")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Data source").type(DATASOURCE.type))
    .withVariable(
      new QueryVariableBuilder("tenant")
        .label("Tenant")
        .datasource(DATASOURCE)
        .query("SELECT DISTINCT tenant FROM events ORDER BY tenant")
        .refresh(VariableRefresh.OnDashboardLoad),
    )
    .withVariable(new TextBoxVariableBuilder("user").label("User").defaultValue(""))
    .withVariable(new TextBoxVariableBuilder("connection").label("Connection").defaultValue(""))
    .withVariable(new TextBoxVariableBuilder("namespace").label("Namespace").defaultValue(""))
    .withVariable(new TextBoxVariableBuilder("rule").label("Rule").defaultValue(""));
}

interface Panel {
  title: string;
  description?: string;
  sql: string;
}

/** One number; with `alarm`, red from one on. */
export function number({ title, description = "", sql }: Panel, alarm = false): StatBuilder {
  const steps = [{ value: null, color: alarm ? "green" : "blue" }, ...(alarm ? [{ value: 1, color: "red" }] : [])];
  return new StatBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .withTarget(clickHouse(sql))
    .thresholds(new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps))
    .colorMode(BigValueColorMode.Background)
    .graphMode(BigValueGraphMode.None)
    .height(4)
    .span(4);
}

export function overTime({ title, description = "", sql }: Panel): TimeSeriesBuilder {
  return new TimeSeriesBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .withTarget(clickHouse(sql, "timeseries"))
    .drawStyle(GraphDrawStyle.Bars)
    .fillOpacity(80)
    .stacking(new common.StackingConfigBuilder().mode(StackingMode.Normal).group("A"))
    .height(8)
    .span(24);
}

export function bars({ title, description = "", sql }: Panel): BarChartBuilder {
  return new BarChartBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .withTarget(clickHouse(sql))
    .orientation(VizOrientation.Horizontal)
    .height(8)
    .span(12);
}

export function table({ title, description = "", sql }: Panel, width = 24): TableBuilder {
  return new TableBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .withTarget(clickHouse(sql))
    .filterable(true)
    .height(10)
    .span(width);
}
