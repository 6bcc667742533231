import { Refusal } from "../base/errors.ts";
import type { Approval, ApprovalState } from "./types.ts";

const DEFAULT_LIMIT = 50;
const MOST = 500;

/** A page of approvals, the newest first; `continue` is opaque and survives what is added meanwhile. */
export function page(
  approvals: Approval[],
  filter: { state?: ApprovalState; limit?: number; continue?: string },
): { items: Approval[]; continue?: string } {
  const after = filter.continue === undefined ? undefined : Buffer.from(filter.continue, "base64url").toString();
  if (after !== undefined && !/^\d{15}\/[0-9a-f]{16}-\d+$/.test(after)) {
    throw new Refusal("bad-request", "continue is not one that this list gave", { next: "Start the list again." });
  }
  const [time = "", name = ""] = after?.split("/") ?? [];
  const from = { openedAt: Number(time), name };
  const limit = Math.min(Math.max(filter.limit ?? DEFAULT_LIMIT, 1), MOST);
  const rest = approvals
    .filter((approval) => filter.state === undefined || approval.state === filter.state)
    .filter((approval) => after === undefined || newestFirst(from, approval) < 0)
    .sort(newestFirst);
  const items = rest.slice(0, limit);
  const last = items.at(-1);
  if (last === undefined || rest.length <= limit) return { items };
  return { items, continue: Buffer.from(keyOf(last)).toString("base64url") };
}

type Placed = Pick<Approval, "openedAt" | "name">;

/** Anybody with a token may ask for pages of thousands, again and again: no text is made for each comparison. */
function newestFirst(a: Placed, b: Placed): number {
  return b.openedAt - a.openedAt || (a.name < b.name ? 1 : Number(a.name === b.name) - 1);
}

function keyOf({ openedAt, name }: Placed): string {
  return `${String(openedAt).padStart(15, "0")}/${name}`;
}
