import { Refusal } from "../base/errors.ts";
import type { Approval, ApprovalState } from "./types.ts";

const DEFAULT_LIMIT = 50;
const MOST = 500;

/** A page of approvals, the newest first; `continue` is opaque and survives what is added meanwhile. */
export function page(
  approvals: Approval[],
  filter: { state?: ApprovalState; limit?: number; continue?: string },
): { items: Approval[]; continue?: string } {
  const key = ({ openedAt, name }: Approval): string => `${String(openedAt).padStart(15, "0")}/${name}`;
  const after = filter.continue === undefined ? undefined : Buffer.from(filter.continue, "base64url").toString();
  if (after !== undefined && !/^\d{15}\/[0-9a-f]{16}-\d+$/.test(after)) {
    throw new Refusal("bad-request", "continue is not one that this list gave", { next: "Start the list again." });
  }
  const limit = Math.min(Math.max(filter.limit ?? DEFAULT_LIMIT, 1), MOST);
  const rest = approvals
    .filter((approval) => filter.state === undefined || approval.state === filter.state)
    .filter((approval) => after === undefined || key(approval) < after)
    .sort((a, b) => (key(a) < key(b) ? 1 : -1));
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  if (last === undefined || rest.length <= limit) return { items };
  return { items, continue: Buffer.from(key(last)).toString("base64url") };
}
