import type { FastifyInstance } from "fastify";
import { decisionEvents } from "../../audit/queries.ts";
import { isUuid } from "../../base/uuid7.ts";
import { isAuditor, notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { isOwn, recordRead } from "../evidence-access.ts";

/** Why a request was allowed, held or refused: one's own, or everybody's for auditors. */
export function recordedDecisionRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get<{ Params: { id: string } }>(
    "/v1alpha1/decisions/:id",
    { schema: { summary: "Every event that one decision led to", tags: ["evidence"] } },
    async (request) => {
      const caller = await reader(deps, request);
      const { id } = request.params;
      const items = isUuid(id) ? await decisionEvents(deps.reader, deps.config.tenant, id) : [];
      const [first] = items;
      if (first === undefined || !(isAuditor(caller.identity) || isOwn(first, caller.identity))) throw notThere();
      await recordRead(deps, caller, { what: "decision", id }, first.session_id);
      return { id, items, continue: "" };
    },
  );
}
