import type { ShadowDifference, ShadowSummary } from "../../audit/shadow-rows.ts";
import type { BacktestReport, RuleChange } from "../../proxy/backtest/backtest.ts";
import type { Answer } from "../action.ts";
import { askRecord } from "../audit/query.ts";
import { positive } from "./positive.ts";
import { renderMarkdown, renderText } from "./render-backtest.ts";

export interface ShadowOptions {
  config?: string;
  since?: string;
  until?: string;
  limit: string;
  examples: string;
  /** Of the candidate; the one that was asked last where absent. */
  revision?: string;
  markdown?: true;
}

/**
 * `sallyport policy shadow`: what the candidate that was asked last would have done otherwise on live traffic, as
 * `policy backtest` says it of the past.
 */
export async function shadow(options: ShadowOptions): Promise<Answer> {
  const examples = positive("--examples", options.examples);
  const candidates = await itemsOf<ShadowSummary>("shadow-summary", { ...options, limit: "1000" });
  const summary = candidates.find(({ revision }) => options.revision === undefined || revision === options.revision);
  if (summary === undefined)
    return {
      json: null,
      text: "No such candidate was asked. Name one in policy.shadow of sallyport.yaml, as docs/deploy.md says.",
    };
  const rows = await itemsOf<ShadowDifference>("shadow-differences", options);
  const report = reportOf(
    summary,
    rows.filter(({ revision }) => revision === summary.revision),
    examples,
  );
  const name = `${summary.revision}, beside the one in force`;
  const head = headOf(summary);
  return {
    json: { summary, report },
    text:
      options.markdown === true
        ? renderMarkdown(report, name, { title: "Shadow", head })
        : renderText(report, name, head),
  };
}

async function itemsOf<T>(query: string, options: Partial<ShadowOptions>): Promise<T[]> {
  const { json } = await askRecord(query, options);
  return (json as { items: T[] }).items;
}

function headOf({ judged, different, incomplete, failed, us_mean, us_p99 }: ShadowSummary): string {
  const rest = [
    ...(Number(incomplete) === 0 ? [] : [`${incomplete} lacked facts`]),
    ...(Number(failed) === 0 ? [] : [`${failed} failed`]),
  ].map((part) => `; ${part}`);
  return `${judged} live requests put to the candidate, ${different} of them otherwise${rest.join("")} (${us_mean} µs each, 99 % within ${us_p99} µs)`;
}

function reportOf(summary: ShadowSummary, rows: readonly ShadowDifference[], examples: number): BacktestReport {
  const [bundle = "", guardrails = ""] = summary.revision.split("/");
  const effects: Record<string, number> = {};
  const groups = new Map<string, RuleChange>();
  const missing = new Map<string, BacktestReport["notJudged"][number]>();
  for (const row of rows) {
    if (row.missing.length > 0) {
      const fact = row.missing.join(", ");
      const known = missing.get(fact) ?? {
        missing: `${fact}, which the policy in force does not ask for`,
        count: 0,
        example: row.decision_id,
      };
      missing.set(fact, { ...known, count: known.count + 1 });
      continue;
    }
    if (row.effect !== row.shadow_effect) {
      const key = `${row.effect} → ${row.shadow_effect}`;
      effects[key] = (effects[key] ?? 0) + 1;
    }
    for (const change of changesOf(row)) {
      const key = JSON.stringify([change.rule, change.from, change.to, change.decision]);
      const group = groups.get(key) ?? change;
      groups.set(key, group);
      group.count++;
      if (group.examples.length < examples) group.examples.push(exampleOf(row));
    }
  }
  const changes = ({ decision }: RuleChange): number => (decision.from === decision.to ? 0 : 1);
  return {
    revision: { bundle, guardrails },
    judged: Number(summary.judged),
    changed: Object.values(effects).reduce((sum, count) => sum + count, 0),
    effects,
    rules: [...groups.values()].sort((a, b) => changes(b) - changes(a) || b.count - a.count),
    notJudged: [...missing.values()].sort((a, b) => b.count - a.count),
    milliseconds: 0,
  };
}

function changesOf(row: ShadowDifference): RuleChange[] {
  const before = new Map(row.findings.map(pair));
  const after = new Map(row.shadow_findings.map(pair));
  const decision = { from: row.effect, to: row.shadow_effect } as RuleChange["decision"];
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((rule) => {
    const [from, to] = [before.get(rule) ?? "none", after.get(rule) ?? "none"] as [
      RuleChange["from"],
      RuleChange["to"],
    ];
    return from === to ? [] : [{ rule, from, to, decision, count: 0, examples: [] }];
  });
}

function pair(text: string): [string, string] {
  const at = text.lastIndexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

function exampleOf(row: ShadowDifference): RuleChange["examples"][number] {
  const group = row.api_group === "" ? "" : `${row.api_group}/`;
  const what =
    row.resource === "" ? row.path : `${group}${row.resource}${row.subresource === "" ? "" : `/${row.subresource}`}`;
  const where = `${row.name === "" ? "" : ` ${row.name}`}${row.namespace === "" ? "" : ` in ${row.namespace}`}`;
  return {
    decisionId: row.decision_id,
    at: `${row.at.slice(0, 10)}T${row.at.slice(11, 23)}Z`,
    who: row.username,
    what: `${row.verb} ${what}${where}, through ${row.connection}`,
    message: "",
    fields: [],
  };
}
