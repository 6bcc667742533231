import { inOrder, membersOf } from "../approvals/batch.ts";
import type { Approval } from "../approvals/types.ts";
import type { Identity } from "../identity/types.ts";
import { type FullView, fullView, maySee } from "./approval-view.ts";
import { notThere } from "./caller.ts";
import type { ConsoleDeps } from "./deps.ts";

/** The path parameters of routes about one approval. */
export const APPROVAL_PARAMS = {
  type: "object",
  properties: { name: { type: "string", maxLength: 64 } },
  required: ["name"],
  additionalProperties: false,
} as const;

/** The approval, if this identity may know of it; else the same 404 as for one that is not there. */
export async function visibleTo(deps: ConsoleDeps, identity: Identity, name: string): Promise<Approval> {
  const approval = await deps.approvals.get(name);
  if (approval === undefined || !maySee(approval, identity)) throw notThere();
  return approval;
}

/** All of it; while it is pending, with what is decided together with it. */
export async function viewed(deps: ConsoleDeps, approval: Approval): Promise<FullView> {
  const members = approval.state === "pending" ? inOrder(await membersOf(deps.approvals, approval)) : [approval];
  return fullView(approval, deps.config.listen.url, members);
}
