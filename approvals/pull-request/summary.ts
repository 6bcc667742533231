import { rfc3339 } from "../../base/clock.ts";
import { clip, visible } from "../text.ts";
import type { Approval } from "../types.ts";
import { whatOf } from "./title.ts";

/** What a notification tells of an approval: no value of the change, and no text of the agent's but names. */
export interface ApprovalSummary {
  name: string;
  state: Approval["state"];
  what: string;
  requester: string;
  session: string;
  rules: string[];
  blastRadius?: string;
  /** RFC 3339. */
  notAfter: string;
  url: string;
  pullRequest?: string;
}

export function summaryOf(approval: Approval, url: string): ApprovalSummary {
  const { proposal, name, state, pullRequest } = approval;
  return {
    name,
    state,
    what: clip(whatOf(proposal), 300),
    requester: clip(proposal.requester.username, 200),
    session: clip(proposal.requester.session, 100),
    rules: proposal.rules.slice(0, 20),
    ...(proposal.blastRadius === undefined ? {} : { blastRadius: clip(proposal.blastRadius, 500) }),
    notAfter: rfc3339(proposal.notAfter),
    url: visible(url),
    ...(pullRequest === undefined ? {} : { pullRequest: visible(pullRequest.url) }),
  };
}
