import type { FastifyInstance } from "fastify";
import { type ChainCursor, formatCursor, parseCursor } from "../../audit/chain-cursor.ts";
import { followSession } from "../../audit/follow-session.ts";
import { chainHeads, type SessionEventsOptions, sessionEvents } from "../../audit/session-events.ts";
import { sessionLife } from "../../audit/session-life.ts";
import { reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { readableSession, recordRead } from "../evidence-access.ts";
import { answers, BEARER, EVENT, ID } from "../evidence-schemas.ts";
import { type EvidenceStreams, STREAM_MS, type StreamEnd } from "../evidence-streams.ts";

const HEARTBEAT_MS = 15_000;
/** How long an EventSource waits before it connects again. */
const RETRY = "retry: 2000\n\n";
const SESSION_ENDED = { code: "session-ended", detail: "the session is over, and this was all of it" };

interface Route {
  Params: { id: string };
  Querystring: { order?: "chain" | "time"; after?: string; clear?: boolean };
}

const EVENTS = {
  description:
    "`application/x-ndjson`: what is on record by now, a row a line. `text/event-stream` (asked for by Accept): the same " +
    "in the order of time, then what comes, as messages whose `id` says how far the reader is in every chain; a reader " +
    "that comes back with it as Last-Event-ID misses nothing and gets nothing twice. The last message is of the event " +
    "`end`: {code: session-ended | token-ended | gateway-closing, detail}.",
  content: { "application/x-ndjson": { schema: EVENT }, "text/event-stream": { schema: { type: "string" } } },
};

const SCHEMA = {
  summary: "A session's events: NDJSON of what is on record, or server-sent events while it goes on",
  tags: ["evidence"],
  security: BEARER,
  params: ID,
  headers: { type: "object", properties: { "last-event-id": { type: "string", maxLength: 12_288 } } },
  querystring: {
    type: "object",
    properties: {
      order: {
        type: "string",
        enum: ["chain", "time"],
        description: "NDJSON: chain after chain (as a proof needs them), or as it happened; chain where absent",
      },
      after: {
        type: "string",
        maxLength: 12_288,
        description: "the id of a message, or <writer>.<seq> of each chain by comma: go on after it",
      },
      clear: {
        type: "boolean",
        description:
          "persons in clear, where audit.personal seals them and their keys are kept; the rows' hashes are empty then",
      },
    },
    additionalProperties: false,
  },
  response: {
    ...answers(EVENTS, [400, 401, 404, 429, 503]),
    204: { description: "Server-sent events: the session is over, and the reader has all of it.", type: "null" },
  },
} as const;

/** What happened in a session, and what happens in it. */
export function sessionEventRoutes(app: FastifyInstance, deps: ConsoleDeps, streams: EvidenceStreams): void {
  const { reader: store, clock } = deps;
  const { tenant } = deps.config;

  // Without HEAD, which would read all of it to show none.
  const options = { schema: SCHEMA, exposeHeadRoute: false, handlerTimeout: STREAM_MS };
  app.get<Route>("/v1alpha1/sessions/:id/events", options, async (request, reply) => {
    const caller = await reader(deps, request);
    const { session_id } = await readableSession(deps, caller.identity, request.params.id);
    const { order, after: asked = "", clear } = request.query;
    const lastId = request.headers["last-event-id"];
    const follows = /\btext\/event-stream\b/.test(request.headers.accept ?? "");
    const after = parseCursor(follows && typeof lastId === "string" ? lastId : asked);
    // A session of more chains than an id can hold is refused now, and not in the middle.
    if (follows) formatCursor((await chainHeads(store, tenant, [session_id])).get(session_id) ?? new Map());
    // HTML, Server-sent events: with a 204 an EventSource does not come back again.
    if (follows && after.size > 0 && (await isTold(session_id, after))) return reply.code(204).send();
    const what = { what: "session events", ...(follows ? { follow: true } : {}) };
    const body = streams.open(request, caller, (signal) =>
      follows ? told(session_id, { after, clear }, signal) : lines(session_id, { order, after, clear }, signal),
    );
    try {
      await recordRead(deps, caller, what, session_id);
    } catch (error) {
      body.destroy();
      throw error;
    }
    return reply.type(follows ? "text/event-stream" : "application/x-ndjson").send(body);
  });

  /** Whether a session is over, and nothing is left of it but who read it. */
  async function isTold(session: string, after: ChainCursor): Promise<boolean> {
    if (!(await sessionLife(store, tenant, session)).over(clock.now())) return false;
    for await (const { kind } of sessionEvents(store, tenant, session, { after })) if (kind !== "read") return false;
    return true;
  }

  async function* lines(session: string, of: SessionEventsOptions, signal: AbortSignal): AsyncGenerator<string, void> {
    for await (const event of sessionEvents(store, tenant, session, of)) {
      // A download that is cut off has to look like one.
      if (signal.aborted) throw new Error((signal.reason as StreamEnd).detail);
      yield `${JSON.stringify(event)}\n`;
    }
  }

  async function* told(
    session: string,
    of: { after: ChainCursor; clear: boolean | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<string, void> {
    yield RETRY;
    let spoke = clock.now();
    const { watch } = streams;
    const now = (): number => clock.now();
    for await (const one of followSession({ store, tenant, session, watch, signal, now, ...of })) {
      if (one !== undefined) yield `id: ${formatCursor(one.cursor)}\ndata: ${JSON.stringify(one.event)}\n\n`;
      else if (now() - spoke < HEARTBEAT_MS) continue;
      else yield ":\n\n";
      spoke = now();
    }
    const end = signal.aborted ? (signal.reason as StreamEnd) : SESSION_ENDED;
    yield `event: end\ndata: ${JSON.stringify(end)}\n\n`;
  }
}
