import type { FastifyInstance } from "fastify";
import { listSessions } from "../../audit/queries.ts";
import { isAuditor, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { isOwn, readableSession, recordRead } from "../evidence-access.ts";
import { answers, BEARER, ID, json, listOf, SESSION } from "../evidence-schemas.ts";
import { PERIOD, type PeriodParameters, periodOf } from "../period-parameters.ts";

const TAGS = ["evidence"];

/** Sessions in short: one's own, or everybody's for auditors. */
export function recordedSessionRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get<{ Querystring: PeriodParameters & { user?: string } }>(
    "/v1alpha1/sessions",
    {
      schema: {
        summary: "Sessions, the latest first: the caller's own, or everybody's for auditors",
        tags: TAGS,
        security: BEARER,
        querystring: {
          type: "object",
          properties: { ...PERIOD, user: { type: "string", maxLength: 512 } },
          additionalProperties: false,
        },
        response: answers(json("The sessions; times are UTC.", listOf(SESSION)), [400, 401, 503]),
      },
    },
    async (request) => {
      const caller = await reader(deps, request);
      const { user, ...when } = request.query;
      const all = isAuditor(caller.identity);
      await recordRead(deps, caller, { what: "sessions", user: user ?? "" });
      const whose = all ? user : caller.identity.username;
      const sessions = await listSessions(deps.reader, deps.config.tenant, { ...periodOf(when), user: whose });
      const items = all ? sessions : sessions.filter((session) => isOwn(session, caller.identity));
      return { items: user === undefined ? items : items.filter(({ username }) => username === user), continue: "" };
    },
  );

  app.get<{ Params: { id: string } }>(
    "/v1alpha1/sessions/:id",
    {
      schema: {
        summary: "One session in short",
        tags: TAGS,
        security: BEARER,
        params: ID,
        response: answers(json("The session; times are UTC.", SESSION), [401, 404, 503]),
      },
    },
    async (request) => {
      const caller = await reader(deps, request);
      const session = await readableSession(deps, caller.identity, request.params.id);
      await recordRead(deps, caller, { what: "session" }, session.session_id);
      return session;
    },
  );
}
