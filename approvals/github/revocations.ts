import { type HubContext, type HubEntry, move } from "./context.ts";
import { commitAt } from "./git.ts";
import { readRecord } from "./records.ts";
import { REVOKED } from "./refs.ts";

/**
 * Ends what a ref takes back. Whoever made it, it is taken back; who it was and why is said by a record of ours alone.
 */
export async function endRevoked(home: HubContext, entry: HubEntry): Promise<void> {
  const { name, proposal, state } = entry.approval;
  const sha = home.revoked.get(name);
  if (sha === undefined || (state !== "approved" && state !== "consumed")) return;
  const record = readRecord(home.keys, "revoke", (await commitAt(home, sha)).message);
  home.guard.keep(`refs/${REVOKED}${name}`, proposal.notAfter);
  const ours = record?.name === name ? record : undefined;
  const { by, at, reason } = ours ?? { by: "", at: home.clock.now(), reason: `refs/${REVOKED}${name} takes it back` };
  move(home, entry, "revoked", { ended: { by, at, reason } });
}
