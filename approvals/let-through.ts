import type { Approval } from "./types.ts";

/** Who let a request through and why, for the record: its approvers, or the one who broke the glass. */
export function letThroughBy({ approvals, breakGlass }: Approval): { approvers: string[]; reason: string } {
  const votes = breakGlass === undefined ? approvals : [breakGlass.by];
  return { approvers: votes.map(({ username }) => username), reason: votes.at(-1)?.reason ?? "" };
}

/** Where it is decided: its pull request, else the gateway's own page of that URL. */
export function decidedAt({ pullRequest }: Approval, page: string): string {
  return pullRequest?.url ?? page;
}
