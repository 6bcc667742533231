import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Approval, ApprovalState } from "../../approvals/types.ts";
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
    decision(["seen"], "Approve; needs a fresh token for the admin audience"),
    async (request) => {
      const { reason = "", seen = "" } = request.body;
      const { identity, name } = await decider(deps, request);
      return fullView(await deps.approvals.approve(name, identity, { reason, seen }), base);
    },
  );

  app.post<Decision>(
    "/v1alpha1/approvals/:name/deny",
    decision(["reason"], "Deny, with the reason that the agent is told; needs a fresh token for the admin audience"),
    async (request) => {
      const { reason = "", seen } = request.body;
      if (reason.trim() === "") throw new Refusal("bad-request", "a denial needs a reason");
      const { identity, name } = await decider(deps, request);
      const input = seen === undefined ? { reason } : { reason, seen };
      return fullView(await deps.approvals.deny(name, identity, input), base);
    },
  );
}

async function decider(
  deps: ConsoleDeps,
  request: FastifyRequest<{ Params: { name: string } }>,
): Promise<{ identity: Identity; name: string }> {
  const identity = await admin(deps, request);
  const { name } = await visibleTo(deps, identity, request.params.name);
  return { identity, name };
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
