import type { FastifyInstance } from "fastify";
import { listing } from "../../approvals/voters.ts";
import { Refusal } from "../../base/errors.ts";
import type { Identity } from "../../identity/types.ts";
import { admin, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

const TAGS = ["approvals"];
const READERS = ["approver", "auditor", "breakGlass"];

function checkRole({ roles }: Identity, allowed: readonly string[]): void {
  if (allowed.some((role) => roles.includes(role))) return;
  throw new Refusal("forbidden", `this needs the role ${allowed.join(" or ")}`, {
    next: "See roles in sallyport.yaml.",
  });
}

/** How the policy-exceptions repository is, and what to do when its history was rewritten. */
export function approvalsRepositoryRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  app.get(
    "/v1alpha1/approvals-repository",
    {
      schema: { summary: "How the policy-exceptions repository is: unreachable, frozen, malformed files", tags: TAGS },
    },
    async (request) => {
      const { identity } = await reader(deps, request);
      checkRole(identity, READERS);
      return deps.approvals.status();
    },
  );

  app.post<{ Body: { commit: string; reason: string } }>(
    "/v1alpha1/approvals-repository/reset",
    {
      schema: {
        summary: "Say that main is right as it is now, after its history was rewritten; needs the role approver",
        tags: TAGS,
        body: {
          type: "object",
          properties: {
            commit: { type: "string", pattern: "^[0-9a-f]{40}([0-9a-f]{24})?$", description: "The tip of main" },
            reason: { type: "string", maxLength: 1024, pattern: "\\S" },
          },
          required: ["commit", "reason"],
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const identity = await admin(deps, request);
      checkRole(identity, ["approver"]);
      // An agent whose groups include the role has it as well, and must not say that what it rewrote is right.
      if (!listing(deps.config.people)(identity.username)) {
        throw new Refusal("forbidden", `${identity.username} is not a person's own identity in people`, {
          next: "List the person's identities under people in sallyport.yaml.",
        });
      }
      const { commit, reason } = request.body;
      deps.log.warn("main of the approvals repository is taken as it is", { commit, reason, by: identity.username });
      await deps.approvals.reset(identity, { commit, reason });
      return deps.approvals.status();
    },
  );
}
