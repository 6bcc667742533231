import { rfc3339 } from "../../base/clock.ts";
import type { Approval, Proposal } from "../types.ts";
import { whole } from "./limits.ts";
import { codeBlock, prose, safeText } from "./safe-text.ts";
import { labelsOf, titleOf, titleText, whatOf } from "./title.ts";
import { yamlDiff } from "./yaml-diff.ts";

export interface PullRequestText {
  title: string;
  body: string;
  labels: string[];
}

export interface PullRequestContext {
  /** The approval's page on the gateway. */
  url: string;
  /** Where the rules are described; a rule's section is `<docsUrl>#<rule without its slash>`. */
  docsUrl?: string;
}

/**
 * The pull request of one approval. Text of the agent's is code in it, and what would act is an escape.
 * Throws Refusal `body-too-large` where GitHub would not take it whole.
 */
export function renderPullRequest(approval: Approval, context: PullRequestContext): PullRequestText {
  const body = [sectionOf(approval, context), footer([approval])].join("\n\n");
  return { title: titleOf(approval), body: whole(body), labels: labelsOf(approval) };
}

/** The pull request of a session's burst: each member as in a pull request of its own. `context` is asked for each. */
export function renderBatch(
  approvals: readonly Approval[],
  contextOf: (approval: Approval) => PullRequestContext,
): PullRequestText {
  const [first] = approvals;
  if (first === undefined) throw new TypeError("a batch has a member");
  if (approvals.length === 1) return renderPullRequest(first, contextOf(first));
  const body = [
    `${approvals.length} requests of one session, decided together: merging approves all of them.`,
    ...approvals.map((approval) => `## ${approval.name}\n\n${sectionOf(approval, contextOf(approval))}`),
    footer(approvals),
  ].join("\n\n");
  const title = titleText(`${approvals.length} requests, first: ${whatOf(first.proposal)}`);
  return { title, body: whole(body), labels: [...new Set(approvals.flatMap(labelsOf))] };
}

function sectionOf({ proposal }: Approval, context: PullRequestContext): string {
  const { requester, summary } = proposal;
  const facts: [string, string | undefined][] = [
    ["Who", requester.username],
    ["Acts for", requester.owner?.username],
    ["Agent", summary.agent],
    ["Session", requester.session],
    ["What", whatOf(proposal)],
    ["Command", summary.command],
    ["Stated reason", summary.reason],
    ["Prompt (claimed)", requester.promptId],
    ["Not after", rfc3339(proposal.notAfter)],
    ["Replaces", proposal.supersedes],
  ];
  return [
    ...(proposal.blastRadius === undefined ? [] : [safeText(proposal.blastRadius)]),
    facts
      .filter(([, value]) => value !== undefined && value !== "")
      .map(([name, value]) => `- **${name}:** ${safeText(value ?? "")}`)
      .join("\n"),
    `### Why it is held\n\n${proposal.findings.map((finding) => findingLine(finding, context)).join("\n")}`,
    `### What changes\n\n${codeBlock("diff", yamlDiff(proposal.changes))}`,
    `On the gateway: <${context.url}>`,
  ].join("\n\n");
}

function findingLine(finding: Proposal["findings"][number], { docsUrl }: PullRequestContext): string {
  const { rule, title, message, remediation, severity } = finding;
  const link = docsUrl === undefined ? safeText(rule) : `[${safeText(rule)}](${docsUrl}#${rule.replaceAll("/", "")})`;
  return [
    `- ${link}${title === undefined ? "" : ` ${prose(title)}`} (${severity}): ${safeText(message)}`,
    ...(remediation === undefined ? [] : [`  - Instead: ${prose(remediation)}`]),
  ].join("\n");
}

function footer(approvals: readonly Approval[]): string {
  const needs = approvals.flatMap(({ proposal }) => proposal.requirements);
  const lines = new Set(
    needs.map(({ approvers, required }) => `- ${required} of ${approvers.map(safeText).join(", ")}`),
  );
  return `### Who approves\n\n${[...lines].join("\n")}\n\nMerging approves exactly this; closing denies it.`;
}
