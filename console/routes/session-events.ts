import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { EventRow } from "../../audit/event.ts";
import { sessionEvents } from "../../audit/queries.ts";
import { reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { readableSession, recordRead } from "../evidence-access.ts";

/** What happened in a session. */
export function sessionEventRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get<{ Params: { id: string } }>(
    "/v1alpha1/sessions/:id/events",
    { schema: { summary: "A session's events as NDJSON, in the order of their chains", tags: ["evidence"] } },
    async (request, reply) => {
      const caller = await reader(deps, request);
      const { session_id } = await readableSession(deps, caller.identity, request.params.id);
      const events = await sessionEvents(deps.reader, deps.config.tenant, session_id);
      await recordRead(deps, caller, { what: "session events", events: events.length }, session_id);
      return reply.type("application/x-ndjson").send(Readable.from(ndjson(events)));
    },
  );
}

function* ndjson(events: readonly EventRow[]): Generator<string> {
  for (const event of events) yield `${JSON.stringify(event)}\n`;
}
