import type { EventRow } from "../../audit/event.ts";
import type { SessionSummary } from "../../audit/queries.ts";
import type { ReadContent } from "../../audit/replay-bodies.ts";
import { UserError } from "../../base/errors.ts";

export interface SessionFilter {
  /** Milliseconds since the epoch. */
  since?: number | undefined;
  until?: number | undefined;
  user?: string | undefined;
  /** At most so many, however many pages that takes. */
  limit: number;
}

/** Sessions that are held at once: a page of those that are read. */
const PAGE = 500;

/** Where sessions and decisions are read from: the gateway's API with the caller's token, or the store itself. */
export interface EvidenceSource {
  /** The latest first, read page by page. */
  sessions(filter: SessionFilter): AsyncIterable<SessionSummary>;
  session(id: string): Promise<SessionSummary>;
  /**
   * As they happened, the chains of several gateways woven into one; persons in clear, as far as their keys are kept,
   * unless `asStored`, which is what hashes cover.
   */
  events(sessionId: string, options?: { asStored?: boolean }): AsyncIterable<EventRow>;
  /** As `events`, and then what comes, until the session is over; only a running gateway knows. */
  follow?(sessionId: string, options?: { asStored?: boolean }): AsyncIterable<EventRow>;
  decision(id: string): Promise<EventRow[]>;
  /** Recorded content of an event, part by part. Throws BodyMissing and BodyAltered (audit/bodies.ts). */
  content: ReadContent;
  close(): Promise<void>;
}

/** `--config F` reads the store directly on the gateway's host; else the HTTP API answers (contracts §7). */
export function openEvidence(config: string | undefined): Promise<EvidenceSource> {
  return config === undefined ? fromApi(process.env) : fromStore(config);
}

async function fromApi(env: NodeJS.ProcessEnv): Promise<EvidenceSource> {
  const { loadContext } = await import("../context.ts");
  const { ApiError, createClient } = await import("../client.ts");
  const { BodyMissing } = await import("../../audit/bodies.ts");
  const { followOverApi } = await import("./follow.ts");
  const { gatewaySession } = await import("../session.ts");
  const context = loadContext(env);
  const client = createClient(context, async () => (await gatewaySession(context, env)).token);
  const path = (...parts: string[]): string => `/v1alpha1/${parts.map(encodeURIComponent).join("/")}`;
  return {
    async *sessions({ since, until, user, limit }) {
      const iso = (ms: number | undefined): string | undefined =>
        ms === undefined ? undefined : new Date(ms).toISOString();
      const query = { since: iso(since), until: iso(until), user };
      let place: string | undefined;
      for (let left = limit; left > 0; ) {
        const page = { ...query, limit: Math.min(left, PAGE), continue: place };
        const answer = await client.request("GET", path("sessions"), { query: page });
        const found = items<SessionSummary>(answer);
        yield* found;
        left -= found.length;
        place = (answer as { continue?: string }).continue ?? "";
        if (place === "") return;
      }
    },
    session: async (id) => (await client.request("GET", path("sessions", id))) as SessionSummary,
    events: (id, { asStored = false } = {}) => {
      const query = { order: "time", clear: String(!asStored) };
      return client.lines(path("sessions", id, "events"), { query }) as AsyncIterable<EventRow>;
    },
    follow: (id, { asStored = false } = {}) =>
      followOverApi(client, `${path("sessions", id, "events")}?clear=${String(!asStored)}`),
    decision: async (id) => items<EventRow>(await client.request("GET", path("decisions", id))),
    async *content({ session_id }, sha256) {
      try {
        yield* client.bytes(path("sessions", session_id, "bodies", sha256));
      } catch (error) {
        throw error instanceof ApiError && error.status === 404 ? new BodyMissing(sha256) : error;
      }
    },
    close: () => client.close(),
  };
}

function items<T>(answer: unknown): T[] {
  const list = (answer as { items?: unknown } | null)?.items;
  if (!Array.isArray(list))
    throw new UserError("the gateway's answer is no list", { next: "Is it of another version?" });
  return list as T[];
}

async function fromStore(file: string): Promise<EvidenceSource> {
  const { loadGatewayConfig } = await import("../../base/config/gateway.ts");
  const { openRevealingReader, openSubjectKeys } = await import("../../audit/personal/open-keys.ts");
  const { revealRow } = await import("../../audit/personal/personal.ts");
  const queries = await import("../../audit/queries.ts");
  const { readBody } = await import("../../audit/bodies.ts");
  const { sessionEvents } = await import("../../audit/session-events.ts");
  const config = loadGatewayConfig(file);
  const store = await openRevealingReader(config.audit);
  const keys = openSubjectKeys(config.audit.personal);
  const { tenant } = config;
  const shown = (event: EventRow): EventRow => (keys === undefined ? event : revealRow(event, keys));
  return {
    async *sessions({ limit, ...filter }) {
      let after: SessionSummary | undefined;
      for (let left = limit; left > 0; ) {
        const most = Math.min(left, PAGE);
        const found: SessionSummary[] = await queries.listSessions(store, tenant, { ...filter, after, limit: most });
        yield* found;
        left -= found.length;
        after = found.at(-1);
        if (found.length < most) return;
      }
    },
    async session(id) {
      const session = await queries.getSession(store, tenant, id);
      if (session === undefined) throw notThere("session", id);
      return session;
    },
    async *events(id, { asStored = false } = {}) {
      for await (const event of sessionEvents(store, tenant, id, { order: "time" }))
        yield asStored ? event : shown(event);
    },
    async decision(id) {
      const events = await queries.decisionEvents(store, tenant, id);
      if (events.length === 0) throw notThere("decision", id);
      return events.map(shown);
    },
    content: (_event, sha256) => readBody(store, tenant, sha256),
    close: () => store.close(),
  };
}

function notThere(what: string, id: string): UserError {
  return new UserError(`no ${what} ${JSON.stringify(id)} is on record`, {
    exitCode: 1,
    next:
      what === "session" ? "See `sallyport sessions list`." : 'The id is in the refusal\'s message, after "decision".',
  });
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `2026-11-22T10:00:00Z`, `2026-11-22`, or how long ago: `90m`, `24h`, `7d`. Milliseconds since the epoch. */
export function parseWhen(text: string, now: number): number {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (ago !== null) return now - Number(ago[1]) * (UNITS[ago[2] ?? ""] ?? 0);
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(at)) {
    throw new UserError(`${JSON.stringify(text)} is no time`, {
      exitCode: 2,
      next: "Write it as 2026-11-22T10:00:00Z, as 2026-11-22, or as how long ago: 24h.",
    });
  }
  return at;
}
