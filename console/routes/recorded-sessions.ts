import type { FastifyInstance } from "fastify";
import { listSessions, type SessionPlace } from "../../audit/queries.ts";
import { Refusal } from "../../base/errors.ts";
import { isAuditor, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { isOwn, ownNames, readableSession, recordRead } from "../evidence-access.ts";
import { answers, BEARER, ID, json, listOf, SESSION } from "../evidence-schemas.ts";
import { PERIOD, type PeriodParameters, periodOf } from "../period-parameters.ts";

const TAGS = ["evidence"];
const TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$/;

/** Sessions in short: one's own, or everybody's for auditors. */
export function recordedSessionRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get<{ Querystring: PeriodParameters & { user?: string; continue?: string } }>(
    "/v1alpha1/sessions",
    {
      schema: {
        summary: "Sessions, the latest first: the caller's own, or everybody's for auditors",
        tags: TAGS,
        security: BEARER,
        querystring: {
          type: "object",
          properties: {
            ...PERIOD,
            user: { type: "string", maxLength: 512 },
            continue: { type: "string", maxLength: 512, description: "of the page before" },
          },
          additionalProperties: false,
        },
        response: answers(json("The sessions; times are UTC.", listOf(SESSION)), [400, 401, 503]),
      },
    },
    async (request) => {
      const caller = await reader(deps, request);
      const { user, continue: place, ...when } = request.query;
      const after = place === undefined ? undefined : parsePlace(place);
      const limit = when.limit ?? 100;
      const all = isAuditor(caller.identity);
      await recordRead(deps, caller, { what: "sessions", user: user ?? "" });
      const of = all ? undefined : ownNames(deps.config, caller.identity);
      const filter = { ...periodOf(when), user, of, limit, after };
      const sessions = await listSessions(deps.reader, deps.config.tenant, filter);
      const last = sessions.length < limit ? undefined : sessions.at(-1);
      return {
        items: all ? sessions : sessions.filter((session) => isOwn(session, caller.identity, deps.config)),
        continue: last === undefined ? "" : placeOf(last),
      };
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

function placeOf({ started_at, session_id }: SessionPlace): string {
  return Buffer.from(JSON.stringify([started_at, session_id])).toString("base64url");
}

function parsePlace(text: string): SessionPlace {
  try {
    const place: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    const [started_at, session_id]: unknown[] = Array.isArray(place) ? place : [];
    if (typeof started_at === "string" && TIME.test(started_at) && typeof session_id === "string") {
      return { started_at, session_id };
    }
  } catch {
    // said below
  }
  throw new Refusal("bad-request", "`continue` is none that a page ended with", { next: "Send it as it came." });
}
