import { rfc3339 } from "../../base/clock.ts";
import { sha256 } from "../../base/digest.ts";
import { clip } from "../text.ts";
import type { Approval } from "../types.ts";
import { whole } from "./limits.ts";
import { type PullRequestContext, type PullRequestText, sectionOf } from "./pull-request.ts";
import { safeText } from "./safe-text.ts";
import { labelsOf, titleText, whatOf } from "./title.ts";
import { yamlRows } from "./yaml-text.ts";

/**
 * The pull request in which a second person reviews a break-glass afterwards, and its one file
 * `break-glass/<name>.yaml`. Throws a TypeError for an approval without one, Refusal `body-too-large`.
 */
export function renderBreakGlassReview(
  approval: Approval,
  context: PullRequestContext,
): PullRequestText & { file: string } {
  const { breakGlass, proposal } = approval;
  if (breakGlass === undefined) throw new TypeError("it was not let through by break-glass");
  const head = [
    `${safeText(breakGlass.by.username)} broke glass at ${rfc3339(breakGlass.by.at)}: ${safeText(breakGlass.by.reason)}`,
    `Review it by ${rfc3339(breakGlass.reviewBy)}: merging with an approving review accepts it, closing rejects it.`,
  ];
  return {
    title: titleText(`Break-glass review: ${whatOf(proposal)}`),
    body: whole([...head, sectionOf(approval, context)].join("\n\n")),
    labels: labelsOf(approval),
    file: breakGlassFile(approval),
  };
}

function breakGlassFile({ name, file, proposal, breakGlass }: Approval): string {
  const record = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "BreakGlass",
    metadata: { name },
    spec: {
      what: clip(whatOf(proposal), 1024),
      command: clip(proposal.summary.command, 8192),
      rules: proposal.rules,
      by: { issuer: breakGlass?.by.issuer ?? "", username: breakGlass?.by.username ?? "" },
      at: rfc3339(breakGlass?.by.at ?? 0),
      reason: clip(breakGlass?.by.reason ?? "", 1024),
      requestedBy: {
        issuer: proposal.requester.issuer,
        username: proposal.requester.username,
        session: proposal.requester.session,
      },
      exception: sha256(file),
      reviewBy: rfc3339(breakGlass?.reviewBy ?? 0),
    },
  };
  return `${yamlRows(record).join("\n")}\n`;
}
