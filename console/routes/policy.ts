import type { FastifyInstance } from "fastify";
import { reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

export function policyRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get("/v1alpha1/policy", { schema: { summary: "The policy in force", tags: ["policy"] } }, async (request) => {
    await reader(deps, request);
    return deps.policy.status();
  });
}
