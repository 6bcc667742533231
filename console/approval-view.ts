import { seenDigest } from "../approvals/batch.ts";
import type { Approval, ApprovalState } from "../approvals/types.ts";
import { isApprover } from "../approvals/voters.ts";
import { rfc3339 } from "../base/clock.ts";
import type { Identity } from "../identity/types.ts";

/** What anybody who has the URL may know: the agent has it, and the name is 64 bits of an HMAC. */
export interface PublicView {
  name: string;
  state: ApprovalState;
  rules: string[];
  openedAt: string;
  notAfter: string;
  url: string;
}

export function publicView(approval: Approval, base: string): PublicView {
  return {
    name: approval.name,
    state: approval.state,
    rules: approval.proposal.rules,
    openedAt: rfc3339(approval.openedAt),
    notAfter: rfc3339(approval.proposal.notAfter),
    url: `${base}/approvals/${approval.name}`,
  };
}

/**
 * All of it, for who asked and who may decide. `seen` is what approving this very file sends back: with the files of
 * `members` where it is decided together with others.
 */
export function fullView(approval: Approval, base: string, members: readonly Approval[] = [approval]) {
  const { proposal } = approval;
  const vote = ({ at, ...rest }: Approval["approvals"][number]) => ({ ...rest, at: rfc3339(at) });
  return {
    ...publicView(approval, base),
    connection: proposal.connection,
    requester: proposal.requester,
    summary: proposal.summary,
    findings: proposal.findings,
    ...(proposal.blastRadius === undefined ? {} : { blastRadius: proposal.blastRadius }),
    changes: proposal.changes,
    requirements: proposal.requirements,
    maxUses: proposal.maxUses,
    policyRevision: proposal.policyRevision,
    ...(proposal.supersedes === undefined ? {} : { supersedes: proposal.supersedes }),
    ...(approval.settledAt === undefined ? {} : { settledAt: rfc3339(approval.settledAt) }),
    approvals: approval.approvals.map(vote),
    ...(approval.denial === undefined ? {} : { denial: vote(approval.denial) }),
    ...(approval.ended === undefined ? {} : { ended: { ...approval.ended, at: rfc3339(approval.ended.at) } }),
    ...(approval.breakGlass === undefined ? {} : { breakGlass: breakGlassView(approval.breakGlass) }),
    ...(approval.pullRequest === undefined ? {} : { pullRequest: approval.pullRequest }),
    ...(approval.batch === undefined ? {} : { batch: approval.batch }),
    uses: approval.uses,
    file: approval.file,
    seen: seenDigest(members),
  };
}

function breakGlassView({ by, reviewBy, review }: NonNullable<Approval["breakGlass"]>) {
  return {
    by: { ...by, at: rfc3339(by.at) },
    reviewBy: rfc3339(reviewBy),
    ...(review === undefined ? {} : { review: { ...review, at: rfc3339(review.at) } }),
  };
}

export type FullView = ReturnType<typeof fullView>;

/** Who asked, who can decide, and who is there to look: nobody else learns that it exists. */
export function maySee({ proposal }: Approval, identity: Identity): boolean {
  const names = [proposal.requester, ...(proposal.requester.owner === undefined ? [] : [proposal.requester.owner])];
  return (
    names.some(({ issuer, username }) => issuer === identity.issuer && username === identity.username) ||
    proposal.requirements.some((requirement) => isApprover(requirement, identity)) ||
    identity.roles.includes("approver") ||
    identity.roles.includes("breakGlass") ||
    identity.roles.includes("auditor")
  );
}
