import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Approval, ApprovalState } from "../../approvals/types.ts";
import { isAgent } from "../../approvals/voters.ts";
import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import type { Identity } from "../../identity/types.ts";
import { fullView, maySee } from "../approval-view.ts";
import { admin, notThere, reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";

const STATES: ApprovalState[] = ["pending", "approved", "consumed", "denied", "expired", "cancelled", "revoked"];
const TAGS = ["approvals"];
const PARAMS = {
  type: "object",
  properties: { name: { type: "string", maxLength: 64 } },
  required: ["name"],
  additionalProperties: false,
} as const;
const REASON = { type: "string", maxLength: 1024 } as const;
const SEEN = { type: "string", pattern: "^[0-9a-f]{64}$", description: "SHA-256 of the file that was shown" } as const;

interface ListQuery {
  state?: ApprovalState;
  limit?: number;
  continue?: string;
}

/** The approval, if this identity may know of it; else the same 404 as for one that is not there. */
async function visibleTo(deps: ConsoleDeps, identity: Identity, name: string): Promise<Approval> {
  const approval = await deps.approvals.get(name);
  if (approval === undefined || !maySee(approval, identity)) throw notThere();
  return approval;
}

/** Approvals: what waits, what is proposed, and the decision. */
export function approvalRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
  const base = deps.config.listen.url;

  app.get<{ Querystring: ListQuery }>(
    "/v1alpha1/approvals",
    {
      schema: {
        summary: "Approvals that the caller asked for or can decide, newest first",
        tags: TAGS,
        querystring: {
          type: "object",
          properties: {
            state: { type: "string", enum: STATES },
            limit: { type: "integer", minimum: 1, maximum: 500 },
            continue: { type: "string", maxLength: 128 },
          },
          additionalProperties: false,
        },
      },
    },
    async (request) => {
      const { identity } = await reader(deps, request);
      return listVisible(deps, identity, request.query);
    },
  );

  app.get<{ Params: { name: string } }>(
    "/v1alpha1/approvals/:name",
    { schema: { summary: "One approval, with the file that approving refers to", tags: TAGS, params: PARAMS } },
    async (request) => {
      const { identity } = await reader(deps, request);
      return fullView(await visibleTo(deps, identity, request.params.name), base);
    },
  );

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

const PAGES = 20;

/** A page of what the caller may see: pages of the home are read until it is full. */
async function listVisible(deps: ConsoleDeps, identity: Identity, query: ListQuery) {
  const limit = query.limit ?? 50;
  const items: Approval[] = [];
  let next = query.continue;
  for (let i = 0; i < PAGES; i++) {
    const page = await deps.approvals.list({
      limit: limit - items.length,
      ...(query.state === undefined ? {} : { state: query.state }),
      ...(next === undefined ? {} : { continue: next }),
    });
    items.push(...page.items.filter((approval) => maySee(approval, identity)));
    next = page.continue;
    if (next === undefined || items.length >= limit) break;
  }
  const views = items.map((approval) => fullView(approval, deps.config.listen.url));
  return { items: views, continue: next ?? "" };
}
