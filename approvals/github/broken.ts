import { clip } from "../text.ts";
import { type HubContext, type HubEntry, move } from "./context.ts";
import { commitAt, refsBelow } from "./git.ts";
import { readRecord } from "./records.ts";
import { BREAK_GLASS } from "./refs.ts";

/** Reads the break-glasses that this or another gateway put on record. Resolves to the refs that there are. */
export async function lookAtBreakGlass(home: HubContext): Promise<string[]> {
  const refs = await refsBelow(home, BREAK_GLASS);
  for (const [name, sha] of refs) {
    if (home.broken.has(name)) continue;
    const record = readRecord(home.keys, "break-glass", (await commitAt(home, sha)).message);
    if (record?.name !== name) {
      home.log.warn("a break-glass that no key of the gateway signed lets nothing through", {
        approval: clip(name, 100),
      });
      continue;
    }
    home.guard.keep(`refs/${BREAK_GLASS}${name}`, record.reviewBy);
    home.broken.set(name, record);
    const entry = home.index.byName.get(name);
    if (entry !== undefined) letThrough(home, entry);
  }
  return [...refs.keys()].map((name) => `refs/${BREAK_GLASS}${name}`);
}

/** What a break-glass on record makes of a pending approval; the others of its batch are asked for again. */
export function letThrough(home: HubContext, entry: HubEntry): void {
  const { approval } = entry;
  const record = home.broken.get(approval.name);
  if (record === undefined || approval.breakGlass !== undefined) return;
  // A name may be given again, once what had it is forgotten: it was broken for what was proposed then.
  const { digest, change } = approval.proposal;
  if (record.openedAt !== approval.openedAt || record.proposal.digest !== digest || record.proposal.change !== change)
    return;
  const proposal = { ...approval.proposal, notAfter: record.notAfter, maxUses: 1 };
  const breakGlass = { by: record.by, reviewBy: record.reviewBy };
  move(home, entry, "approved", { proposal, breakGlass, settledAt: record.at });
}
