import type { FastifyInstance } from "fastify";
import { reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

/** A body of 3 MiB in base64, the stored object, and what stands around them. */
const EXPLAIN_BYTES = 10 * 1024 * 1024;

export function policyRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get("/v1alpha1/policy", { schema: { summary: "The policy in force", tags: ["policy"] } }, async (request) => {
    await reader(deps, request);
    return deps.policy.status();
  });
  const { explain } = deps;
  if (explain === undefined) return;
  app.post(
    "/v1alpha1/policy/explain",
    {
      bodyLimit: EXPLAIN_BYTES,
      // Before the body is read: nobody who is not known has ten megabytes parsed.
      onRequest: async (request) => {
        await reader(deps, request);
      },
      schema: {
        summary:
          "What the policy in force says to one request (a line of `policy explain --batch`), and asks no cluster; as the caller, or for auditors as anybody",
        tags: ["policy"],
        body: { type: "object", required: ["method", "path"] },
      },
    },
    async (request) => explain(request.body, (await reader(deps, request)).identity),
  );
}
