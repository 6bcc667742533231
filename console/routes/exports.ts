import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { EventScope } from "../../audit/event-pages.ts";
import { EXPORT_FORMATS, type ExportFormat, type ExportJob, exportFormats } from "../../audit/export/formats.ts";
import type { Authenticated } from "../../identity/types.ts";
import packageJson from "../../package.json" with { type: "json" };
import { reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { checkAuditor, readableSession, recordRead } from "../evidence-access.ts";
import { answers, BEARER, ID } from "../evidence-schemas.ts";
import { type EvidenceStreams, STREAM_MS, type StreamEnd } from "../evidence-streams.ts";
import { PERIOD, type PeriodParameters, periodOf } from "../period-parameters.ts";

interface Asked {
  format?: ExportFormat;
  exchange?: string;
}

const ASKED = {
  format: { type: "string", enum: EXPORT_FORMATS, description: "ndjson where absent" },
  exchange: { type: "string", maxLength: 128, description: "of asciicast: which exec, where there are several" },
} as const;

const binary = { schema: { type: "string", format: "binary" } };
const CONTENT = Object.fromEntries(Object.values(exportFormats).map(({ contentType }) => [contentType, binary]));

const schemaOf = (summary: string, properties: object, problems: number[]) => ({
  summary,
  tags: ["evidence"],
  security: BEARER,
  querystring: { type: "object", properties: { ...ASKED, ...properties }, additionalProperties: false },
  response: answers(
    { description: "The export, as a file. One that breaks off is not whole.", content: CONTENT },
    problems,
  ),
});

/** The record in the formats that others read, and signed evidence packs: a session, or for auditors a period. */
export function exportRoutes(app: FastifyInstance, deps: ConsoleDeps, streams: EvidenceStreams): void {
  const options = { exposeHeadRoute: false, handlerTimeout: STREAM_MS };

  app.get<{ Params: { id: string }; Querystring: Asked }>(
    "/v1alpha1/sessions/:id/export",
    { ...options, schema: { ...schemaOf("A session as a file", {}, [400, 401, 404, 429, 503]), params: ID } },
    async (request, reply) => {
      const caller = await reader(deps, request);
      const { session_id } = await readableSession(deps, caller.identity, request.params.id);
      const what = { what: "session export", ...request.query };
      await recordRead(deps, caller, what, session_id);
      return send(request, reply, caller, { session: session_id });
    },
  );

  const { since, until } = PERIOD;
  app.get<{ Querystring: Asked & PeriodParameters }>(
    "/v1alpha1/export",
    {
      ...options,
      schema: schemaOf(
        "A period of the whole record as a file, for auditors",
        { since, until },
        [400, 401, 403, 429, 503],
      ),
    },
    async (request, reply) => {
      const caller = await reader(deps, request);
      checkAuditor(caller.identity);
      await recordRead(deps, caller, { what: "export", ...request.query });
      const { since, until } = periodOf(request.query);
      // What comes while it is read would be signed by a checkpoint among the rows, and look cut off itself. A pack
      // reads its checkpoints first.
      const now = deps.clock.now();
      const end = request.query.format === "pack" ? until : Math.min(until ?? now, now);
      return send(request, reply, caller, { since, until: end });
    },
  );

  async function send(
    request: FastifyRequest<{ Querystring: Asked }>,
    reply: FastifyReply,
    caller: Authenticated,
    scope: EventScope,
  ): Promise<FastifyReply> {
    const { format = "ndjson", exchange } = request.query;
    const { contentType, extension, write } = exportFormats[format];
    // What was recorded until now is in the store then, and signed, this read as well.
    if (format === "pack" || format === "ndjson") await deps.settleRecord?.();
    const chunks = await write(jobOf(scope, exchange));
    const body = streams.open(request, caller, (signal) => whole(chunks, signal));
    return reply
      .type(contentType)
      .header("content-disposition", `attachment; filename="${fileName(scope, format, extension)}"`)
      .send(body);
  }

  function jobOf(scope: EventScope, exchange: string | undefined): ExportJob {
    return {
      store: deps.reader,
      tenant: deps.config.tenant,
      scope,
      exchange,
      gateway: `sallyport/${packageJson.version}`,
      url: deps.config.listen.url.replace(/\/+$/, ""),
      now: deps.clock.now(),
      reveal: deps.reveal,
      signer: deps.packSigner,
    };
  }
}

async function* whole(
  chunks: AsyncIterable<string | Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<string | Uint8Array, void> {
  for await (const chunk of chunks) {
    // A download that is cut off has to look like one.
    if (signal.aborted) throw new Error((signal.reason as StreamEnd).detail);
    yield chunk;
  }
}

/** A session's id comes from a token, and may be any text: RFC 6266 §4.3 advises against more than this in a name. */
function fileName({ session }: EventScope, format: ExportFormat, extension: string): string {
  const what = session === undefined ? "period" : session.replace(/[^A-Za-z0-9-]/g, "").slice(0, 64);
  return `sallyport-${what}-${format}.${extension}`;
}
