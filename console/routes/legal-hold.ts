import type { FastifyInstance } from "fastify";
import { clip } from "../../approvals/text.ts";
import { Refusal } from "../../base/errors.ts";
import { admin, isAuditor, notThere } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

const VERBS = { hold: "session.held", release: "session.released" } as const;

/**
 * Legal hold: what is recorded of a session is kept whatever its age (audit.retention), until it is released. For the
 * role auditor, with a token for the admin audience: a release lets evidence go.
 */
export function legalHoldRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  const { tenant } = deps.config;
  for (const verb of ["hold", "release"] as const) {
    app.post<{ Params: { id: string }; Body: { reason: string } }>(
      `/v1alpha1/sessions/:id/${verb}`,
      {
        schema: {
          summary:
            verb === "hold"
              ? "Keep what is recorded of a session whatever its age; for the role auditor"
              : "Let a session's record go when its time is over, as others; for the role auditor",
          tags: ["sessions"],
          params: {
            type: "object",
            properties: { id: { type: "string", minLength: 1, maxLength: 256 } },
            required: ["id"],
          },
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
        if (!isAuditor(identity)) {
          throw new Refusal("forbidden", "this needs the role auditor", {
            next: "See roles.auditor in sallyport.yaml.",
          });
        }
        const { id } = request.params;
        const [known] = await deps.reader.query<{ held: number | null }>(
          `SELECT (SELECT held FROM legal_holds WHERE tenant = {tenant:String} AND session_id = {id:String}) AS held FROM events
           WHERE tenant = {tenant:String} AND session_id = {id:String} LIMIT 1`,
          { tenant, id },
        );
        if (known === undefined) throw notThere();
        if (verb === "release" && !known.held) {
          throw new Refusal("conflict", "this session is under no legal hold", { next: "See the view legal_holds." });
        }
        const reason = clip(request.body.reason, 1024);
        // The columns of who are of whom the session is; who holds it stands in the payload.
        await deps.recorder.recordDurably({
          kind: VERBS[verb],
          session_id: id,
          at_ms: deps.clock.now(),
          payload: { by: identity.username, issuer: identity.issuer, reason },
        });
        return { session: id, held: verb === "hold", by: identity.username, reason };
      },
    );
  }
}
