import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import type { EventRow } from "../../audit/event.ts";
import {
  decisionEvents,
  getSession,
  listSessions,
  namedQueries,
  type SessionSummary,
  sessionEvents,
} from "../../audit/queries.ts";
import { Refusal } from "../../base/errors.ts";
import { isUuid } from "../../base/uuid7.ts";
import type { Authenticated, Identity } from "../../identity/types.ts";
import { isAuditor, notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

const TAGS = ["evidence"];
const TIME = { type: "string", format: "date-time", maxLength: 40 } as const;
const LIMIT = { type: "integer", minimum: 1, maximum: 10_000 } as const;
const PERIOD = { since: TIME, until: TIME, limit: LIMIT } as const;

interface Period {
  since?: string;
  until?: string;
  limit?: number;
}

const millis = (text: string | undefined): number | undefined => (text === undefined ? undefined : Date.parse(text));
const period = ({ since, until, limit }: Period) => ({ since: millis(since), until: millis(until), limit });

/**
 * Reading evidence leaves evidence: who, what. In the chain of the session that was read where there is one,
 * so that its replay shows it. Where nothing can be put on record nothing is shown.
 */
async function recordRead(
  deps: ConsoleDeps,
  { identity, session }: Authenticated,
  what: Record<string, unknown>,
  of?: string,
): Promise<void> {
  await deps.recorder.recordDurably({
    kind: "read",
    session_id: of ?? session.id,
    at_ms: Date.now(),
    issuer: identity.issuer,
    username: identity.username,
    payload: { ...what, reader: session.id },
  });
}

function isOwn(row: { issuer: string; username: string } | undefined, identity: Identity): boolean {
  return row !== undefined && row.issuer === identity.issuer && row.username === identity.username;
}

function checkAuditor(identity: Identity): void {
  if (!isAuditor(identity)) {
    throw new Refusal("forbidden", "this needs the role auditor", { next: "See roles.auditor in sallyport.yaml." });
  }
}

/** Sessions, decisions and the named queries: one's own, or everybody's for auditors. */
export function evidenceRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  const { tenant } = deps.config;

  /** A session that this identity may read; else the 404 of one that is not there. */
  async function readable(identity: Identity, id: string): Promise<SessionSummary> {
    const session = await getSession(deps.reader, tenant, id);
    if (session === undefined || !(isAuditor(identity) || isOwn(session, identity))) throw notThere();
    return session;
  }

  app.get<{ Querystring: Period & { user?: string } }>(
    "/v1alpha1/sessions",
    {
      schema: {
        summary: "Sessions, the latest first: the caller's own, or everybody's for auditors",
        tags: TAGS,
        querystring: {
          type: "object",
          properties: { ...PERIOD, user: { type: "string", maxLength: 512 } },
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const caller = await reader(deps, request);
      const { user, ...when } = request.query;
      const all = isAuditor(caller.identity);
      await recordRead(deps, caller, { what: "sessions", user: user ?? "" });
      const whose = all ? user : caller.identity.username;
      const sessions = await listSessions(deps.reader, tenant, { ...period(when), user: whose });
      const items = all ? sessions : sessions.filter((session) => isOwn(session, caller.identity));
      return { items: user === undefined ? items : items.filter(({ username }) => username === user), continue: "" };
    },
  );

  app.get<{ Params: { id: string } }>(
    "/v1alpha1/sessions/:id",
    { schema: { summary: "One session in short", tags: TAGS } },
    async (request) => {
      const caller = await reader(deps, request);
      const session = await readable(caller.identity, request.params.id);
      await recordRead(deps, caller, { what: "session" }, session.session_id);
      return session;
    },
  );

  app.get<{ Params: { id: string } }>(
    "/v1alpha1/sessions/:id/events",
    { schema: { summary: "A session's events as NDJSON, in the order of their chains", tags: TAGS } },
    async (request, reply) => {
      const caller = await reader(deps, request);
      const { session_id } = await readable(caller.identity, request.params.id);
      const events = await sessionEvents(deps.reader, tenant, session_id);
      await recordRead(deps, caller, { what: "session events", events: events.length }, session_id);
      return reply.type("application/x-ndjson").send(Readable.from(ndjson(events)));
    },
  );

  app.get<{ Params: { id: string } }>(
    "/v1alpha1/decisions/:id",
    { schema: { summary: "Every event that one decision led to", tags: TAGS } },
    async (request) => {
      const caller = await reader(deps, request);
      const { id } = request.params;
      const items = isUuid(id) ? await decisionEvents(deps.reader, tenant, id) : [];
      const [first] = items;
      if (first === undefined || !(isAuditor(caller.identity) || isOwn(first, caller.identity))) throw notThere();
      await recordRead(deps, caller, { what: "decision", id }, first.session_id);
      return { id, items, continue: "" };
    },
  );

  app.post<{ Params: { name: string }; Body: { parameters?: Period } | undefined }>(
    "/v1alpha1/queries/:name",
    {
      schema: {
        summary: `A named question of auditors: ${Object.keys(namedQueries).join(", ")}`,
        tags: TAGS,
        body: {
          type: "object",
          properties: { parameters: { type: "object", properties: PERIOD, additionalProperties: false } },
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const caller = await reader(deps, request);
      checkAuditor(caller.identity);
      const { name } = request.params;
      const query = Object.hasOwn(namedQueries, name) ? namedQueries[name] : undefined;
      if (query === undefined) throw notThere();
      const parameters = request.body?.parameters ?? {};
      await recordRead(deps, caller, { what: "query", name, parameters });
      return { items: await query.run(deps.reader, tenant, period(parameters)), continue: "" };
    },
  );
}

function* ndjson(events: readonly EventRow[]): Generator<string> {
  for (const event of events) yield `${JSON.stringify(event)}\n`;
}
