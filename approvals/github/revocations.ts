import { type HubContext, type HubEntry, move } from "./context.ts";
import { commitAt, createRef, refAt, writeCommit } from "./git.ts";
import { readRecord, recordMessage } from "./records.ts";
import { REVOKED } from "./refs.ts";
import { applyUses, usesOf } from "./use.ts";

/**
 * Ends what a ref takes back. Whoever made it, it is taken back; who it was and why is said by a record of ours alone.
 */
export async function endRevoked(home: HubContext, entry: HubEntry): Promise<void> {
  const { name, proposal, state } = entry.approval;
  const sha = home.revoked.get(name);
  if (sha === undefined || (state !== "approved" && state !== "consumed" && state !== "expired")) return;
  const record = readRecord(home.keys, "revoke", (await commitAt(home, sha)).message);
  home.guard.keep(`refs/${REVOKED}${name}`, proposal.notAfter);
  // What it has let through is told with it: whoever looks at a revocation looks for that.
  applyUses(home, entry, await usesOf(home, name, entry.approval.uses));
  const ours = record?.name === name ? record : undefined;
  const { by, at, reason } = ours ?? { by: "", at: home.clock.now(), reason: `refs/${REVOKED}${name} takes it back` };
  move(home, entry, "revoked", { ended: { by, at, reason } });
}

/**
 * What was taken off main stays taken back, also for a gateway that starts once its file is there again: our comment
 * that says so can be deleted, and a ref is missed where it is.
 */
export async function keepRevoked(home: HubContext, { approval }: HubEntry, at: number, reason: string): Promise<void> {
  const { name, proposal } = approval;
  const ref = REVOKED + name;
  if ((await refAt(home, ref)) === undefined) {
    const message = recordMessage(home.keys, `Revoke ${name}`, { kind: "revoke", name, at, by: "", reason });
    await createRef(home, "use", ref, await writeCommit(home, "use", message, home.main.tree, []));
  }
  home.guard.keep(`refs/${ref}`, proposal.notAfter);
}
