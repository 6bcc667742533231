import { getSession, type SessionSummary } from "../audit/queries.ts";
import { Refusal } from "../base/errors.ts";
import type { Authenticated, Identity } from "../identity/types.ts";
import { isAuditor, notThere } from "./caller.ts";
import type { ConsoleDeps } from "./deps.ts";

/**
 * Reading evidence leaves evidence: who, what. In the chain of the session that was read where there is one,
 * so that its replay shows it. Where nothing can be put on record nothing is shown.
 * @param of The session that was read; the reader's own where absent.
 */
export async function recordRead(
  deps: Pick<ConsoleDeps, "recorder" | "clock">,
  { identity, session }: Authenticated,
  what: Record<string, unknown>,
  of?: string,
): Promise<void> {
  await deps.recorder.recordDurably({
    kind: "read",
    session_id: of ?? session.id,
    at_ms: deps.clock.now(),
    issuer: identity.issuer,
    username: identity.username,
    payload: { ...what, reader: session.id },
  });
}

export function isOwn(row: { issuer: string; username: string } | undefined, identity: Identity): boolean {
  return row !== undefined && row.issuer === identity.issuer && row.username === identity.username;
}

/** A session that this identity may read: its own, or any for auditors. Else the 404 of one that is not there. */
export async function readableSession(deps: ConsoleDeps, identity: Identity, id: string): Promise<SessionSummary> {
  const session = await getSession(deps.reader, deps.config.tenant, id);
  if (session === undefined || !(isAuditor(identity) || isOwn(session, identity))) throw notThere();
  return session;
}

/** Throws Refusal `forbidden` for everybody else. */
export function checkAuditor(identity: Identity): void {
  if (!isAuditor(identity)) {
    throw new Refusal("forbidden", "this needs the role auditor", { next: "See roles.auditor in sallyport.yaml." });
  }
}
