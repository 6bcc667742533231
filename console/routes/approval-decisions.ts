import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Approval } from "../../approvals/types.ts";
import { isAgent, isApprover, samePerson } from "../../approvals/voters.ts";
import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import type { Identity } from "../../identity/types.ts";
import { fullView } from "../approval-view.ts";
import { admin } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { APPROVAL_PARAMS as PARAMS, visibleTo } from "../visible-approval.ts";

const TAGS = ["approvals"];
const REASON = { type: "string", maxLength: 1024 } as const;
const SEEN = { type: "string", pattern: "^[0-9a-f]{64}$", description: "SHA-256 of the file that was shown" } as const;

/** What a person does about an approval: each needs a fresh token for the admin audience (contracts §5). */
export function approvalDecisionRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  const base = deps.config.listen.url;

  type Decision = { Params: { name: string }; Body: { reason?: string; seen?: string } };
  const decision = (required: string[], summary: string) => ({
    schema: {
      summary,
      tags: TAGS,
      params: PARAMS,
      body: { type: "object", properties: { reason: REASON, seen: SEEN }, required, additionalProperties: false },
    },
  });

  app.post<Decision>(
    "/v1alpha1/approvals/:name/approve",
    decision(["seen"], "Approve, or accept what broke the glass; needs a fresh token for the admin audience"),
    async (request) => {
      const { reason = "", seen = "" } = request.body;
      const { identity, approval } = await decider(deps, request);
      const review = await reviewed(deps, approval, identity, { reason, seen, verdict: "accepted" });
      return fullView(review ?? (await deps.approvals.approve(approval.name, identity, { reason, seen })), base);
    },
  );

  app.post<Decision>(
    "/v1alpha1/approvals/:name/deny",
    decision(["reason"], "Deny, with the reason that the agent is told; needs a fresh token for the admin audience"),
    async (request) => {
      const { seen } = request.body;
      const reason = reasonOf(request.body, "a denial");
      const { identity, approval } = await decider(deps, request);
      const review = await reviewed(deps, approval, identity, { reason, seen, verdict: "rejected" });
      const input = seen === undefined ? { reason } : { reason, seen };
      return fullView(review ?? (await deps.approvals.deny(approval.name, identity, input)), base);
    },
  );

  const taking = (summary: string) => ({
    schema: {
      summary,
      tags: TAGS,
      params: PARAMS,
      body: { type: "object", properties: { reason: REASON }, required: ["reason"], additionalProperties: false },
    },
  });

  app.post<Decision>(
    "/v1alpha1/approvals/:name/revoke",
    taking("Take an approval back: what stands on it ends; needs a fresh token for the admin audience"),
    async (request) => {
      const reason = reasonOf(request.body, "a revocation");
      const { identity, approval } = await decider(deps, request);
      checkRevoker(deps, approval, identity);
      return fullView(await deps.approvals.revoke(approval.name, identity, { reason }), base);
    },
  );

  app.post<Decision>(
    "/v1alpha1/approvals/:name/break-glass",
    taking("Let a pending request through on one's own word, to be reviewed afterwards; needs the role breakGlass"),
    async (request) => {
      const reason = reasonOf(request.body, "breaking the glass");
      const { identity, approval } = await decider(deps, request);
      checkBreakGlass(deps, identity);
      const terms = deps.config.approvals.breakGlass;
      return fullView(await deps.approvals.breakGlass(approval.name, identity, { reason }, terms), base);
    },
  );
}

function reasonOf({ reason = "" }: { reason?: string }, what: string): string {
  if (reason.trim() === "") throw new Refusal("bad-request", `${what} needs a reason`);
  return reason;
}

/** Taking back only ever refuses more: who decides may, who must act in an emergency, and who asked. */
function checkRevoker(deps: ConsoleDeps, { proposal }: Approval, identity: Identity): void {
  if (identity.roles.some((role) => role === "approver" || role === "breakGlass")) return;
  if (proposal.requirements.some((requirement) => isApprover(requirement, identity))) return;
  const { username, owner } = proposal.requester;
  if (
    [username, owner?.username].some(
      (name) => name !== undefined && samePerson(deps.config.people, name, identity.username),
    )
  )
    return;
  throw new Refusal("forbidden", "this is not yours to take back", { next: "Ask one of its approvers." });
}

/** An agent whose groups include the role has it as well, so that the role alone is not enough. */
function checkBreakGlass(deps: ConsoleDeps, { username, roles }: Identity): void {
  if (!roles.includes("breakGlass")) {
    throw new Refusal("forbidden", "this needs the role breakGlass", {
      next: "See roles.breakGlass in sallyport.yaml.",
    });
  }
  if (isAgent(deps.config.people, username)) {
    throw new Refusal("forbidden", `${username} is an agent's identity, and agents break no glass`);
  }
}

/** What was let through by break-glass is not decided any more: it is reviewed. Undefined where there is none to review. */
async function reviewed(
  deps: ConsoleDeps,
  { name, file, breakGlass }: Approval,
  identity: Identity,
  { seen, ...input }: { reason: string; seen: string | undefined; verdict: "accepted" | "rejected" },
): Promise<Approval | undefined> {
  if (breakGlass === undefined) return undefined;
  if (seen !== undefined && seen !== sha256(file)) {
    throw new Refusal("conflict", "the file that you were shown is not the one that was let through");
  }
  return deps.approvals.review(name, identity, input);
}

async function decider(
  deps: ConsoleDeps,
  request: FastifyRequest<{ Params: { name: string } }>,
): Promise<{ identity: Identity; approval: Approval }> {
  const identity = await admin(deps, request);
  return { identity, approval: await visibleTo(deps, identity, request.params.name) };
}
