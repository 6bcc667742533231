import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { checkCaps } from "../caps.ts";
import { denialRefusal, pendingOrDenied } from "../denials.ts";
import { renderException } from "../exception.ts";
import { snapshot } from "../memory.ts";
import type { Approval, Proposal } from "../types.ts";
import { asConflict, expireIfDue, type HomeContext, writeCommit } from "./context.ts";
import { regroup } from "./decide.ts";
import { BRANCHES, type Entry, newEntry, readEntries, SETTLED } from "./entry.ts";
import { countName } from "./load.ts";
import { mainTip } from "./main.ts";
import { type RefChange, RefConflict } from "./repository.ts";
import { blobId, treeWithFile } from "./tree.ts";

const TRIES = 5;

/**
 * Opens a proposal, or finds the pending one. `look` makes memory what the repository has of the digest. Throws Refusal
 * `approval-denied`, `too-many`, `session-ended`.
 */
export async function propose(
  home: HomeContext,
  proposal: Proposal,
  look: (digest: string) => Promise<void>,
): Promise<{ approval: Approval; opened: boolean }> {
  home.guard.checkWhole();
  // Of a flood that memory can refuse the repository is not asked.
  const mayOpen = (): void => checkCaps(home.index.byName.values(), proposal, home.limits);
  if (home.index.of(proposal.digest).length === 0) mayOpen();
  await look(proposal.digest);
  if (home.kills.has(proposal.requester.session)) throw new Refusal("session-ended", "this session was killed");
  for (const entry of home.index.of(proposal.digest)) await expireIfDue(home, entry);
  const known = pendingOrDenied(home.index.of(proposal.digest), home.clock.now());
  if (known?.approval.state === "denied") throw denialRefusal(known.approval, home.url(known.approval.name));
  if (known !== undefined) return { approval: snapshot(known), opened: false };
  // Approved between the caller's question and this one: nobody is asked twice for one thing.
  const approved = home.index
    .of(proposal.digest)
    .findLast(
      ({ approval: { name, state, proposal: before } }) =>
        state === "approved" && before.change === proposal.change && name !== proposal.supersedes,
    );
  if (approved !== undefined) return { approval: snapshot(approved), opened: false };
  mayOpen();
  return openBranch(home, proposal);
}

async function openBranch(home: HomeContext, proposal: Proposal): Promise<{ approval: Approval; opened: boolean }> {
  const prefix = proposal.digest.slice(0, 16);
  const name = `${prefix}-${(home.highest.get(prefix) ?? 0) + 1}`;
  const file = renderException(name, proposal);
  const tip = await mainTip(home);
  const [merged] = await Promise.all([
    treeWithFile(home.repository, tip, name, blobId(file)),
    home.repository.write("blob", file),
  ]);
  const at = home.clock.now();
  const record = { kind: "propose", name, at, file: sha256(file), proposal } as const;
  const head = await writeCommit(home, merged.tree, [tip.commit], record);
  const other = await takeLock(home, proposal.digest, name, head);
  const approval: Approval = { name, state: "pending", proposal, file, openedAt: at, approvals: [], uses: [] };
  const entry = other ?? { ...newEntry(approval, merged.tree, head), merged };
  countName(home.highest, entry.approval.name);
  home.index.add(entry);
  regroup(home, entry);
  return { approval: snapshot(entry), opened: other === undefined };
}

/**
 * Creates the branch where there is none: that is the lock. Resolves to another gateway's proposal that has it. Throws
 * Refusal `conflict` where the name is taken, by what another gateway opened and settled meanwhile.
 */
async function takeLock(home: HomeContext, digest: string, name: string, head: string): Promise<Entry | undefined> {
  const ref = BRANCHES + digest;
  const unsettled: RefChange = { ref: SETTLED + name, from: "", to: "" };
  let found = "";
  for (let i = 1; ; i++) {
    try {
      await home.repository.swap([{ ref, from: found, to: head }, unsettled]);
      return undefined;
    } catch (error) {
      if (!(error instanceof RefConflict) || i === TRIES) throw asConflict(error);
    }
    const [branch = "", settled] = await home.repository.resolve([ref, unsettled.ref]);
    if (settled !== undefined) throw asConflict(new RefConflict(new Error(`${name} is settled`)));
    found = branch;
    const [other] = await readEntries(home.repository, home.publicKeys, found === "" ? [] : [found]);
    if (other?.approval.state === "pending" && other.approval.proposal.digest === digest) return other;
    home.log.warn("a branch that no merge key signed was in the way and is replaced", { ref });
  }
}
