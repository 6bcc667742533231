import { sessionRef } from "../kills.ts";

/** Below `refs/`, as GitHub's API names them. */
export const BRANCH = "heads/sallyport/";
export const REVIEW_BRANCH = "heads/sallyport/review/";
export const USED = "sallyport/used/";
export const REVOKED = "sallyport/revoked/";
/** `<name>/<blob>`: that file stands for nothing any more, and another under its name may. */
export const WITHDRAWN = "sallyport/withdrawn/";
export const KILLED = "sallyport/killed/";
export const BREAK_GLASS = "sallyport/break-glass/";

export const RESETS = "sallyport/resets/";

/** `sallyport/<digest>`: the branch of one request. */
export const PROPOSAL_BRANCH = /^sallyport\/([0-9a-f]{64})$/;
/** `sallyport/review/<name>`: the branch of a break-glass's review. */
export const REVIEW_OF = /^sallyport\/review\/([0-9a-f]{16}-[1-9][0-9]{0,5})$/;

export function sessionRefOf(session: string): string {
  return KILLED + sessionRef(session);
}
