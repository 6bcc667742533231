import type { FastifyInstance } from "fastify";
import { Refusal } from "../../base/errors.ts";
import { parseExchangeRequest } from "../../identity/exchange-request.ts";
import { reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

/** The parameters of an RFC 8693 request, from a form or from a JSON object of strings. */
function parameters(body: unknown): URLSearchParams {
  if (body instanceof URLSearchParams) return body;
  if (body === null || typeof body !== "object" || Array.isArray(body)) {
    throw new Refusal("bad-request", "the body must be a form or a JSON object");
  }
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) {
    if (typeof value !== "string") throw new Refusal("bad-request", `${name.slice(0, 60)} must be a string`);
    form.append(name, value);
  }
  return form;
}

/** Sessions of the gateway: exchanged for an ID token, renewed, ended. */
export function sessionRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.post(
    "/session",
    { schema: { summary: "Exchange an ID token for a session token, or renew one (RFC 8693)", tags: ["session"] } },
    async (request) => deps.authenticator.exchange(parseExchangeRequest(parameters(request.body))),
  );
  app.delete(
    "/session",
    { schema: { summary: "End the caller's session", tags: ["session"] } },
    async (request, reply) => {
      const { session } = await reader(deps, request);
      deps.authenticator.endSession(session.id);
      return reply.code(204).send();
    },
  );
}
