import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import fastify, { type FastifyInstance } from "fastify";
import { isLoopbackUrl } from "../base/loopback.ts";
import packageJson from "../package.json" with { type: "json" };
import { answeringReader } from "./answering-reader.ts";
import { notThere } from "./caller.ts";
import type { ConsoleDeps } from "./deps.ts";
import { EvidenceStreams } from "./evidence-streams.ts";
import { sendProblem } from "./problem.ts";
import { approvalDecisionRoutes } from "./routes/approval-decisions.ts";
import { approvalPageRoutes } from "./routes/approval-page.ts";
import { approvalRoutes } from "./routes/approvals.ts";
import { approvalsRepositoryRoutes } from "./routes/approvals-repository.ts";
import { exceptionRoutes } from "./routes/exceptions.ts";
import { exportRoutes } from "./routes/exports.ts";
import { killRoutes } from "./routes/kill.ts";
import { legalHoldRoutes } from "./routes/legal-hold.ts";
import { policyRoutes } from "./routes/policy.ts";
import { queryRoutes } from "./routes/queries.ts";
import { recordedDecisionRoutes } from "./routes/recorded-decisions.ts";
import { recordedSessionRoutes } from "./routes/recorded-sessions.ts";
import { sessionRoutes } from "./routes/session.ts";
import { sessionBodyRoutes } from "./routes/session-bodies.ts";
import { sessionEventRoutes } from "./routes/session-events.ts";
import { webhookRoutes } from "./routes/webhooks.ts";
import { wellKnownRoutes } from "./routes/well-known.ts";

// Tokens with many groups are the largest thing that is sent here.
const BODY_BYTES = 262_144;
const HANDLER_MS = 30_000;

/**
 * The control API and the page of an approval (contracts §5). It has no listener: the gateway's one listener
 * gives it what is not for a connection, by `routing(req, res)`.
 */
export async function createConsole(deps: ConsoleDeps): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    handlerTimeout: HANDLER_MS,
    // A URL that the router cannot decode comes here instead of to the error handler.
    frameworkErrors: (error, request, reply) => void sendProblem(deps.log, error, request, reply),
    routerOptions: { maxParamLength: 128, ignoreTrailingSlash: false, caseSensitive: true },
    // An unknown key is an error everywhere, where fastify's default would drop it in silence.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: true, verbose: true } },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "string" }, app.getDefaultJsonParser("error", "error"));
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "string" }, (_request, body, done) => {
    done(null, new URLSearchParams(String(body)));
  });
  // Schemas of answers are for /openapi.json: fastify's own serializer would drop what they do not name.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error, request, reply) => sendProblem(deps.log, error, request, reply));
  app.setNotFoundHandler((request, reply) => sendProblem(deps.log, notThere(), request, reply));
  secureHeaders(app, deps);
  await app.register(rateLimit, {
    max: deps.unauthenticatedPerMinute ?? 600,
    timeWindow: 60_000,
    cache: 10_000,
    // Whoever brings a token is limited by what the token may do; who has none, by address.
    allowList: (request) => request.headers.authorization !== undefined && request.url !== "/session",
    errorResponseBuilder: (_request, { ttl }) =>
      Object.assign(new Error("too many requests"), { statusCode: 429, retryAfter: Math.ceil(ttl / 1000) }),
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Sallyport control API", version: packageJson.version },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
  });
  const streams = new EvidenceStreams(deps);
  const routed = { ...deps, reader: answeringReader(deps) };
  app.after(() => {
    for (const routes of [
      sessionRoutes,
      wellKnownRoutes,
      approvalPageRoutes,
      approvalRoutes,
      approvalDecisionRoutes,
      exceptionRoutes,
      approvalsRepositoryRoutes,
      killRoutes,
      legalHoldRoutes,
      webhookRoutes,
      recordedSessionRoutes,
      sessionEventRoutes,
      sessionBodyRoutes,
      recordedDecisionRoutes,
      exportRoutes,
      queryRoutes,
      policyRoutes,
    ]) {
      routes(app, routed, streams);
    }
  });
  await app.ready();
  return app;
}

function secureHeaders(app: FastifyInstance, { config }: ConsoleDeps): void {
  const headers: Record<string, string> = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
  };
  // Not for loopback: it would bind every other server of the developer's machine.
  if (!isLoopbackUrl(config.listen.url)) headers["strict-transport-security"] = "max-age=31536000";
  app.addHook("onRequest", async (_request, reply) => void reply.headers(headers));
}
