import type { FastifyInstance } from "fastify";
import { clip } from "../../approvals/text.ts";
import { samePerson } from "../../approvals/voters.ts";
import { Refusal } from "../../base/errors.ts";
import type { Identity } from "../../identity/types.ts";
import { admin, notThere } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

/** As they are made (identity/session-id.ts): an id is part of a ref's name, and a line of a file. */
const SESSION = "^[A-Za-z0-9_-]{1,128}$";
/** No token is good for longer than its session, but for the clocks' difference. */
const SKEW_MS = 600_000;

/**
 * Ends a session for good: here at once, then in the repository, from where every replica learns it, also one that
 * starts later. Peers are told as well, since a poll takes its time.
 */
export function killRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.post<{ Params: { id: string }; Body: { reason: string } }>(
    "/v1alpha1/sessions/:id/kill",
    {
      schema: {
        summary: "End a session on every replica; for its own person, and the roles approver and breakGlass",
        tags: ["sessions"],
        params: { type: "object", properties: { id: { type: "string", pattern: SESSION } }, required: ["id"] },
        body: {
          type: "object",
          properties: { reason: { type: "string", maxLength: 1024, pattern: "\\S" } },
          required: ["reason"],
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const identity = await admin(deps, request);
      const { id } = request.params;
      if (!mayKillAny(identity) && !(await isOwn(deps, identity, id))) throw notThere();
      const now = deps.clock.now();
      const until = now + deps.config.sessions.limitSeconds * 1000 + SKEW_MS;
      const kill = { session: id, by: identity.username, reason: clip(request.body.reason, 1024), at: now, until };
      deps.recorder.record({
        kind: "session.killed",
        session_id: id,
        at_ms: now,
        issuer: identity.issuer,
        username: identity.username,
        payload: { by: identity.username, reason: kill.reason, until },
      });
      deps.sessions.kill(kill);
      deps.peers.tell(kill);
      try {
        await deps.approvals.kill(kill);
      } catch (error) {
        deps.sessions.retryKill(kill);
        const why = error instanceof Refusal ? error.message : "the approvals repository could not be asked";
        throw new Refusal(
          "approvals-unavailable",
          `the session is ended here, and other replicas may not know: ${why}`,
          {
            next: "The gateway goes on trying; kill it again should it restart before the repository can be reached.",
            cause: error,
          },
        );
      }
      return { session: id, state: "killed", by: kill.by, reason: kill.reason };
    },
  );
}

function mayKillAny({ roles }: Identity): boolean {
  return roles.includes("approver") || roles.includes("breakGlass");
}

/** By what this replica has open, else by how the session was opened on record: nobody's claim. */
async function isOwn(deps: ConsoleDeps, { username }: Identity, id: string): Promise<boolean> {
  const own = (name: string): boolean => samePerson(deps.config.people, name, username);
  const open = deps.sessions.usersOf(id);
  if (open.length > 0) return open.some(own);
  const rows = await deps.reader.query<{ username: string; owner: string }>(
    `SELECT username, JSONExtractString(payload, 'owner', 'username') AS owner FROM events
     WHERE tenant = {tenant:String} AND session_id = {id:String} AND kind = 'session.opened' LIMIT 10`,
    { tenant: deps.config.tenant, id },
  );
  return rows.some((row) => own(row.username) || own(row.owner));
}
