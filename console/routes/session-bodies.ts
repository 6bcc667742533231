import type { FastifyInstance } from "fastify";
import { bodySize, readBody } from "../../audit/bodies.ts";
import { notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { readableSession, recordRead } from "../evidence-access.ts";
import { answers, BEARER } from "../evidence-schemas.ts";
import { type EvidenceStreams, STREAM_MS } from "../evidence-streams.ts";

const CONTENT = {
  description: "The bytes as they were recorded: what policy masks is masked in them.",
  content: { "application/octet-stream": { schema: { type: "string", format: "binary" } } },
};

/** Recorded contents, each by way of a session that holds it: to know a hash is not to own what it is of. */
export function sessionBodyRoutes(app: FastifyInstance, deps: ConsoleDeps, streams: EvidenceStreams): void {
  const { reader: store } = deps;
  const { tenant } = deps.config;
  const schema = {
    summary: "A request's or an answer's content, where the level of recording kept it",
    tags: ["evidence"],
    security: BEARER,
    params: {
      type: "object",
      properties: { id: { type: "string", maxLength: 128 }, sha256: { type: "string", maxLength: 128 } },
      required: ["id", "sha256"],
      additionalProperties: false,
    },
    response: answers(CONTENT, [401, 404, 429, 503]),
  };
  app.get<{ Params: { id: string; sha256: string } }>(
    "/v1alpha1/sessions/:id/bodies/:sha256",
    { schema, exposeHeadRoute: false, handlerTimeout: STREAM_MS },
    async (request, reply) => {
      const caller = await reader(deps, request);
      const { session_id } = await readableSession(deps, caller.identity, request.params.id);
      const { sha256 } = request.params;
      if (!/^[0-9a-f]{64}$/.test(sha256) || !(await isOf(session_id, sha256))) throw notThere();
      const size = await bodySize(store, tenant, sha256);
      if (size === undefined) throw notThere();
      await recordRead(deps, caller, { what: "content", sha256 }, session_id);
      const body = streams.open(request, caller, async function* (signal) {
        for await (const part of readBody(store, tenant, sha256)) {
          if (signal.aborted) throw new Error("the reader's token has ended");
          yield part;
        }
      });
      // Whatever it is, no browser shows it.
      return reply
        .type("application/octet-stream")
        .header("content-disposition", "attachment")
        .header("content-length", size)
        .send(body);
    },
  );

  async function isOf(session: string, sha256: string): Promise<boolean> {
    const rows = await store.query<{ found: number }>(
      `SELECT 1 AS found FROM events
       WHERE tenant = {tenant:String} AND session_id = {session:String}
         AND (request_body = {sha256:String} OR response_body = {sha256:String}
              OR JSONExtractString(payload, 'facts') = {sha256:String})
       LIMIT 1`,
      { tenant, session, sha256 },
    );
    return rows.length > 0;
  }
}
