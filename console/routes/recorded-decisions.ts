import type { FastifyInstance } from "fastify";
import { decisionEvents } from "../../audit/queries.ts";
import { isUuid } from "../../base/uuid7.ts";
import { notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { readableSession, recordRead } from "../evidence-access.ts";
import { answers, BEARER, DECISION, ID, json } from "../evidence-schemas.ts";

/** Why a request was allowed, held or refused: one's own, or everybody's for auditors. */
export function recordedDecisionRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get<{ Params: { id: string } }>(
    "/v1alpha1/decisions/:id",
    {
      schema: {
        summary: "Every event that one decision led to",
        tags: ["evidence"],
        security: BEARER,
        params: ID,
        response: answers(json("The events, in the order of their chains.", DECISION), [401, 404, 503]),
      },
    },
    async (request) => {
      const caller = await reader(deps, request);
      const { id } = request.params;
      const items = isUuid(id) ? await decisionEvents(deps.reader, deps.config.tenant, id) : [];
      const [first] = items;
      if (first === undefined) throw notThere();
      // Whose it is the session says: rows of events come as they are stored, with persons sealed.
      await readableSession(deps, caller.identity, first.session_id);
      await recordRead(deps, caller, { what: "decision", id }, first.session_id);
      return { id, items, continue: "" };
    },
  );
}
