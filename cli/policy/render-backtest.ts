import type { BacktestReport, Counterexample, RuleChange } from "../../proxy/backtest/backtest.ts";
import { printable } from "../style.ts";
import { cell, code } from "./markdown.ts";

function summary({ judged, changed, notJudged, milliseconds }: BacktestReport): string {
  const left = notJudged.reduce((sum, { count }) => sum + count, 0);
  const rate = milliseconds === 0 ? 0 : Math.round((judged + left) / (milliseconds / 1000));
  const rest = left === 0 ? "" : `; ${left} could not be judged`;
  if (judged === 0) return `no decision was judged again, and this says nothing of the policy${rest}`;
  return `${judged} decisions judged again, ${changed} of them otherwise${rest} (${rate} a second)`;
}

function change({ rule, from, to, decision, count }: RuleChange): string {
  const whole =
    decision.from === decision.to ? `the decision stays ${decision.to}` : `${decision.from} → ${decision.to}`;
  return `${rule}: ${from} → ${to} in ${count} (${whole})`;
}

/** For a terminal. */
export function renderText(report: BacktestReport, name: string, head = summary(report)): string {
  const lines = [head, `policy ${name}`];
  for (const group of report.rules) {
    lines.push("", change(group));
    for (const example of group.examples) lines.push(...exampleLines(example).map((line) => `  ${line}`));
    if (group.count > group.examples.length) lines.push(`  … and ${group.count - group.examples.length} more`);
  }
  for (const { missing, count, example } of report.notJudged) {
    lines.push("", `${count} not judged, since this is not on record: ${missing}`, `  such as ${example}`);
  }
  return lines.map(printable).join("\n");
}

function exampleLines({ decisionId, at, who, what, message, fields }: Counterexample): string[] {
  const says = message === "" ? [] : [`  ${message}${fields.length === 0 ? "" : ` (${fields.join(", ")})`}`];
  return [`${at} ${who}: ${what}  [${decisionId}]`, ...says];
}

/** For a comment at a pull request. */
export function renderMarkdown(
  report: BacktestReport,
  name: string,
  { title, head } = { title: "Backtest", head: summary(report) },
): string {
  const lines = [`### ${title}`, "", `${cell(head)}. Policy ${code(name)}.`];
  const effects = Object.entries(report.effects);
  if (effects.length > 0) {
    lines.push(
      "",
      "| Decision | Count |",
      "|---|---:|",
      ...effects.map(([effect, count]) => `| ${effect} | ${count} |`),
    );
  }
  for (const group of report.rules) {
    lines.push("", `<details><summary>${cell(change(group))}</summary>`, "");
    lines.push("| When | Who | What | Why | Decision |", "|---|---|---|---|---|", ...group.examples.map(row));
    if (group.count > group.examples.length) lines.push("", `… and ${group.count - group.examples.length} more`);
    lines.push("", "</details>");
  }
  if (report.notJudged.length > 0) {
    lines.push("", "| Not judged, since this is not on record | Count | Such as |", "|---|---:|---|");
    for (const { missing, count, example } of report.notJudged) {
      lines.push(`| ${cell(missing)} | ${count} | ${code(example)} |`);
    }
  }
  if (report.rules.length === 0 && report.changed === 0) lines.push("", "Nothing changes.");
  return `${lines.join("\n")}\n`;
}

function row({ at, who, what, message, fields, decisionId }: Counterexample): string {
  const why = [cell(message), ...fields.map(code)].filter((part) => part !== "").join(" ");
  return `| ${at.slice(0, 19)} | ${code(who)} | ${code(what)} | ${why} | ${code(decisionId)} |`;
}
