import { sha256 } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { renderException } from "../exception.ts";
import type { Approval, Proposal } from "../types.ts";
import { expireIfDue, type HomeContext, mainTip, writeCommit } from "./context.ts";
import { BRANCHES, type Entry, newEntry, readEntries } from "./entry.ts";
import { snapshot } from "./index.ts";
import { countName } from "./load.ts";
import { RefConflict } from "./repository.ts";
import { blobId, treeWithFile } from "./tree.ts";

// After a denial the same digest is refused for ten minutes (contracts §4).
const DENIAL_MS = 600_000;
const TRIES = 5;

/** The pending proposal of a digest, or else a denial that still refuses it. */
export function pendingOrDenied(home: HomeContext, digest: string): Entry | undefined {
  const now = home.clock.now();
  const entries = home.index.of(digest).reverse();
  return (
    entries.find(({ approval }) => approval.state === "pending" && approval.proposal.notAfter > now) ??
    entries.find(({ approval }) => approval.state === "denied" && (approval.settledAt ?? 0) + DENIAL_MS > now)
  );
}

/** Opens a proposal, or finds the pending one. Throws Refusal `approval-denied`, `too-many`. */
export async function propose(home: HomeContext, proposal: Proposal): Promise<{ approval: Approval; opened: boolean }> {
  for (const entry of home.index.of(proposal.digest)) await expireIfDue(home, entry);
  const known = pendingOrDenied(home, proposal.digest);
  if (known?.approval.state === "denied") throw denied(home, known.approval);
  if (known !== undefined) return { approval: snapshot(known), opened: false };
  checkCaps(home, proposal);
  return openBranch(home, proposal);
}

function denied(home: HomeContext, { name, denial }: Approval): Refusal {
  return new Refusal("approval-denied", `${denial?.username ?? "an approver"} denied this: ${denial?.reason ?? ""}`, {
    next: "It is refused for ten minutes after the denial; ask the approver, or change the request.",
    approvalName: name,
    approvalUrl: home.url(name),
  });
}

function checkCaps(home: HomeContext, { requester }: Proposal): void {
  const pending = [...home.index.byName.values()]
    .map(({ approval }) => approval)
    .filter(({ state }) => state === "pending");
  const identity = pending.filter(({ proposal }) => proposal.requester.username === requester.username);
  const session = identity.filter(({ proposal }) => proposal.requester.session === requester.session);
  const check = (what: string, holds: number, cap: number): void => {
    if (holds < cap) return;
    throw new Refusal("too-many", `${what} already has ${holds} requests waiting for approval`, {
      next: "Wait until some of them are decided or expire.",
    });
  };
  check("this session", session.length, home.limits.holdsPerSession);
  check(requester.username, identity.length, home.limits.holdsPerIdentity);
  check("the gateway", pending.length, home.limits.pending);
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
  const other = await takeLock(home, proposal.digest, head);
  const approval: Approval = { name, state: "pending", proposal, file, openedAt: at, approvals: [], uses: [] };
  const entry = other ?? { ...newEntry(approval, merged.tree, head), merged };
  countName(home.highest, entry.approval.name);
  home.index.add(entry);
  return { approval: snapshot(entry), opened: other === undefined };
}

/** Creates the branch where there is none: that is the lock. Resolves to another gateway's proposal that has it. */
async function takeLock(home: HomeContext, digest: string, head: string): Promise<Entry | undefined> {
  const ref = BRANCHES + digest;
  let found = "";
  for (let i = 1; ; i++) {
    try {
      await home.repository.swap([{ ref, from: found, to: head }]);
      return undefined;
    } catch (error) {
      if (!(error instanceof RefConflict) || i === TRIES) throw error;
    }
    found = (await home.repository.ref(ref)) ?? "";
    const [other] = await readEntries(home.repository, home.publicKeys, found === "" ? [] : [found]);
    if (other?.approval.state === "pending" && other.approval.proposal.digest === digest) return other;
    home.log.warn("a branch that no merge key signed was in the way and is replaced", { ref });
  }
}
