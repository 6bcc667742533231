import { factsOf } from "../../approvals/pull-request/facts.ts";
import { yamlDiff } from "../../approvals/pull-request/yaml-diff.ts";
import { table } from "../evidence/render.ts";
import { printable } from "../style.ts";
import type { ShownApproval } from "./client.ts";

export function renderList(approvals: readonly ShownApproval[]): string {
  if (approvals.length === 0) return "no approvals";
  return table(
    ["NAME", "STATE", "REQUESTER", "WHAT", "RULES", "NOT AFTER"],
    approvals.map(({ name, state, requester, summary, rules, notAfter }) => [
      name,
      state,
      requester.username,
      [summary.verb, summary.resource, `${summary.namespace}/${summary.name}`].join(" "),
      rules.join(","),
      notAfter,
    ]),
  );
}

/** An approval for a person who decides about it. Safe to print: nothing in it moves the cursor. */
export function renderApproval(approval: ShownApproval): string {
  const { requirements, approvals, denial, ended, breakGlass, pullRequest, batch = [], uses } = approval;
  const pairs: [string, string | undefined][] = [
    ["approval", approval.name],
    ["state", approval.state],
    ["reaches", approval.blastRadius],
    ...factsOf(approval).map(([name, value]): [string, string] => [SHORT[name] ?? name.toLowerCase(), value]),
    ["needs", requirements.map((r) => `${r.required} of ${r.approvers.join(", ")}`).join("; and ")],
    ["approved by", approvals.map(({ username }) => username).join(", ")],
    ["denied by", denial === undefined ? "" : `${denial.username}: ${denial.reason}`],
    ["ended by", ended === undefined ? "" : `${ended.by === "" ? "the gateway" : ended.by}: ${ended.reason}`],
    ["break-glass", breakGlass === undefined ? "" : `${breakGlass.by.username}: ${breakGlass.by.reason}`],
    ["review", breakGlass === undefined ? "" : reviewOf(breakGlass)],
    ["with", batch.filter((name) => name !== approval.name).join(", ")],
    ["used by", uses.map(({ exchangeId }) => exchangeId).join(", ")],
    ["decide at", pullRequest?.url],
  ];
  const file = approval.file.trimEnd().split("\n");
  const changes = approval.changes.length === 0 ? ["nothing that is stored"] : yamlDiff(approval.changes).split("\n");
  return [
    ...pairs.flatMap(([name, value]) => (value ? [`${name.padEnd(12)}  ${value}`] : [])),
    "",
    "held because",
    ...approval.findings.flatMap(findingLines),
    "",
    approval.summary.verb === "tool" ? "what the tool is given" : "changes (- is stored now, + is what would be)",
    ...changes.map((line) => `  ${line}`),
    "",
    `file (SHA-256 ${approval.seen})`,
    ...file.map((line) => `  ${line}`),
  ]
    .map((line) => printable(line.replaceAll("\n", "\\n")))
    .join("\n");
}

/** An approval, and all that is decided together with it: approving one approves them all. */
export function renderTogether(approval: ShownApproval & { together: readonly ShownApproval[] }): string {
  return [approval, ...approval.together].map(renderApproval).join("\n\n--- and together with it\n\n");
}

/** What a terminal has no room for. */
const SHORT: Record<string, string> = {
  "Agent, as it calls itself": "agent",
  "Prompt, as claimed": "prompt",
  "Stated reason": "reason",
  "May be used": "uses",
  "In place of, since the change or the approvers are others now": "in place of",
};

function reviewOf({ review, reviewBy }: NonNullable<ShownApproval["breakGlass"]>): string {
  return review === undefined ? `due by ${reviewBy}` : `${review.verdict} by ${review.username}: ${review.reason}`;
}

function findingLines({ rule, title, message, remediation, absolute }: ShownApproval["findings"][number]): string[] {
  return [
    `  ${rule}${title === undefined ? "" : `, ${title}`}: ${message}`,
    ...(remediation === undefined ? [] : [`    instead: ${remediation}`]),
    ...(absolute === true ? ["    absolute: break-glass does not lift it"] : []),
  ];
}
