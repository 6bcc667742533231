import { rfc3339 } from "../../base/clock.ts";
import type { Approval, Proposal } from "../types.ts";
import { factsOf } from "./facts.ts";
import { checkChanges, whole } from "./limits.ts";
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

/** All that is known of one request, as Markdown. */
export function sectionOf(approval: Approval, context: PullRequestContext): string {
  const { proposal } = approval;
  return [
    ...(proposal.blastRadius === undefined ? [] : [`**What it reaches:** ${safeText(proposal.blastRadius)}`]),
    factsOf({ ...proposal, notAfter: rfc3339(proposal.notAfter) })
      .map(([name, value]) => `- **${name}:** ${safeText(value)}`)
      .join("\n"),
    `### Why it is held\n\n${proposal.findings.map((finding) => findingLine(finding, context)).join("\n")}`,
    `### What changes\n\n${changesOf(proposal)}`,
    `[This approval on the gateway](<${context.url}>)`,
  ].join("\n\n");
}

function changesOf({ changes, summary }: Proposal): string {
  if (changes.length > 0) {
    checkChanges(changes);
    const said = summary.verb === "tool" ? "`+` is what the tool is given" : "`-` is stored now, `+` is what would be";
    const key = `${said}. Values that are masked stay masked.`;
    return `${key}\n\n${codeBlock("diff", yamlDiff(changes))}`;
  }
  return summary.verb === "connect" ? "Nothing that is stored: it opens a connection." : "Nothing that is stored.";
}

function findingLine(finding: Proposal["findings"][number], { docsUrl }: PullRequestContext): string {
  const { rule, title, message, remediation, severity, fields, absolute } = finding;
  const name = docsUrl === undefined ? safeText(rule) : `[${safeText(rule)}](<${docsUrl}#${rule.replaceAll("/", "")}>)`;
  const shown = fields.slice(0, 5).map(safeText).join(", ");
  return [
    `- ${name}${title === undefined ? "" : `, ${prose(title)}`} (${prose(severity)}): ${safeText(message)}`,
    ...(shown === "" ? [] : [`  - At ${shown}${fields.length > 5 ? ` and ${fields.length - 5} more` : ""}`]),
    ...(remediation === undefined ? [] : [`  - Instead: ${prose(remediation)}`]),
    ...(absolute === true ? ["  - Absolute: break-glass does not lift it"] : []),
  ].join("\n");
}

function footer(approvals: readonly Approval[]): string {
  const needs = approvals.flatMap(({ proposal }) => proposal.requirements);
  const lines = new Set(
    needs.map(
      ({ rules, approvers, required }) =>
        `- ${required} of ${approvers.map(safeText).join(", ")}, for ${rules.map(safeText).join(", ")}`,
    ),
  );
  return [
    `### Who approves\n\n${[...lines].join("\n")}`,
    "An approving review of the last commit, then a merge, lets exactly this through. Closing it denies it; the last " +
      "comment is the reason that the agent is told. A commit of anybody else's on this branch approves nothing.",
    "What is set as `code` was written by who asks, or comes from the request: it is a claim, and the change is what happens.",
  ].join("\n\n");
}
