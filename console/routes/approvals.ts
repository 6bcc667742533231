import type { FastifyInstance } from "fastify";
import type { Approval, ApprovalState } from "../../approvals/types.ts";
import type { Identity } from "../../identity/types.ts";
import { maySee } from "../approval-view.ts";
import { reader } from "../caller.ts";
import type { ConsoleDeps } from "../deps.ts";
import { APPROVAL_PARAMS, viewed, visibleTo } from "../visible-approval.ts";

const STATES: ApprovalState[] = ["pending", "approved", "consumed", "denied", "expired", "cancelled", "revoked"];
const TAGS = ["approvals"];
interface ListQuery {
  state?: ApprovalState;
  limit?: number;
  continue?: string;
}

/** Approvals: what waits, and what is proposed. */
export function approvalRoutes(app: FastifyInstance, deps: ConsoleDeps): void {
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
    {
      schema: { summary: "One approval, with the file that approving refers to", tags: TAGS, params: APPROVAL_PARAMS },
    },
    async (request) => {
      const { identity } = await reader(deps, request);
      return viewed(deps, await visibleTo(deps, identity, request.params.name));
    },
  );
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
  const views = await Promise.all(items.map((approval) => viewed(deps, approval)));
  return { items: views, continue: next ?? "" };
}
