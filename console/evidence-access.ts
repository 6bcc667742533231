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

type Whose = Pick<SessionSummary, "issuer" | "username" | "owner_issuer" | "owner">;

/**
 * The usernames whose sessions are one's own: the caller's, and for a person who is listed in `people` their other logins
 * and their agents. An agent has its own and no more. Compared exactly, since a name that is let in reads.
 */
export function ownNames({ people }: Pick<ConsoleDeps["config"], "people">, { username }: Identity): string[] {
  const listed = people.filter(({ identities }) => identities.includes(username));
  return [...new Set([username, ...listed.flatMap(({ identities, agents }) => [...identities, ...agents])])];
}

/** Whether a session is the caller's own: as its user, or as the person that its agent acted for (contracts §1.1, owner). */
export function isOwn(session: Whose, identity: Identity, config: Pick<ConsoleDeps["config"], "people">): boolean {
  const names = ownNames(config, identity);
  // No two issuers' prefixes overlap, so another login's name says its issuer.
  const own = (issuer: string, name: string): boolean =>
    name !== "" && names.includes(name) && (name !== identity.username || issuer === identity.issuer);
  return own(session.issuer, session.username) || own(session.owner_issuer, session.owner);
}

/** A session that this identity may read: its own, or any for auditors. Else the 404 of one that is not there. */
export async function readableSession(deps: ConsoleDeps, identity: Identity, id: string): Promise<SessionSummary> {
  const session = await getSession(deps.reader, deps.config.tenant, id);
  if (session === undefined || !(isAuditor(identity) || isOwn(session, identity, deps.config))) throw notThere();
  return session;
}

/** Throws Refusal `forbidden` for everybody else. */
export function checkAuditor(identity: Identity): void {
  if (!isAuditor(identity)) {
    throw new Refusal("forbidden", "this needs the role auditor", { next: "See roles.auditor in sallyport.yaml." });
  }
}
