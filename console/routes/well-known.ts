import type { FastifyInstance } from "fastify";
import { gatewayMetadata } from "../../identity/well-known.ts";
import type { ConsoleDeps } from "../deps.ts";

/** What anybody may know: the keys of session tokens, where to log in, and this API's description. */
export function wellKnownRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  const tags = ["discovery"];
  app.get("/.well-known/jwks.json", { schema: { summary: "Keys of session tokens (RFC 7517)", tags } }, async () =>
    deps.authenticator.jwks(),
  );
  app.get("/.well-known/sallyport", { schema: { summary: "Where clients log in", tags } }, async () =>
    gatewayMetadata(deps.config as Parameters<typeof gatewayMetadata>[0]),
  );
  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
