import { Refusal } from "../../base/errors.ts";
import type { UseResult } from "../types.ts";
import { due, type HubContext, type HubEntry, move } from "./context.ts";
import { commitAt, createRef, refAt, refsBelow, writeCommit } from "./git.ts";
import { recount } from "./judge.ts";
import { blobId } from "./main.ts";
import { comment, endWith } from "./outcome.ts";
import { readRecord, recordMessage } from "./records.ts";
import { REVOKED, sessionRefOf, USED } from "./refs.ts";
import { endRevoked } from "./revocations.ts";

type Uses = HubEntry["approval"]["uses"];

/** The uses of a name, in their order. Whoever made a ref, and whatever it points to: it is spent. */
export async function usesOf(home: HubContext, name: string, known: Uses): Promise<Uses> {
  const refs = await refsBelow(home, `${USED}${name}/`);
  const uses = new Map(known.map((use) => [use.n, use]));
  for (const [n, sha] of refs) {
    if (!/^[1-9]\d{0,5}$/.test(n) || uses.has(Number(n))) continue;
    const record = readRecord(home.keys, "use", (await commitAt(home, sha)).message);
    const exchangeId = record?.name === name ? record.exchangeId : "";
    uses.set(Number(n), { n: Number(n), exchangeId });
  }
  return [...uses.values()].sort((a, b) => a.n - b.n);
}

export function applyUses(home: HubContext, entry: HubEntry, uses: Uses): void {
  const { approval } = entry;
  // What was listed may have been asked for before a use of our own, which is on record by now.
  const all = new Map([...uses, ...approval.uses].map((use) => [use.n, use]));
  approval.uses = [...all.values()].sort((a, b) => a.n - b.n);
  for (const { n } of approval.uses) home.guard.keep(`refs/${USED}${approval.name}/${n}`, approval.proposal.notAfter);
  // By the highest number: a gap (somebody else made a ref) spends what lies below it.
  if ((approval.uses.at(-1)?.n ?? 0) >= approval.proposal.maxUses) move(home, entry, "consumed");
}

/** Whether its file is on main as it was approved, or it needs none. */
export function standsOnMain(home: HubContext, { approval }: HubEntry): boolean {
  if (approval.breakGlass !== undefined) return true;
  return home.main.folders.exceptions.get(approval.name) === blobId(approval.file);
}

/**
 * Spends a use of an approval for one exchange, or says why it cannot be spent. What could have been taken back since
 * the last poll is asked for again.
 */
export async function use(home: HubContext, entry: HubEntry, exchangeId: string): Promise<UseResult> {
  if (!/^[\w-]{1,64}$/.test(exchangeId)) throw new TypeError("an exchange id has letters, digits and dashes only");
  const { approval, pull } = entry;
  const now = home.clock.now();
  if (due(entry, now)) endWith(home, entry, { kind: "expired", at: now });
  if (approval.proposal.notAfter <= now) return { ok: false, reason: "expired" };
  if (approval.state !== "approved" && approval.state !== "consumed") return { ok: false, reason: "not-approved" };
  // Spent, and not this exchange's to try again: a thousand that waited for it would else ask GitHub thousands of things.
  const again = [...entry.released.values()].includes(exchangeId);
  if (approval.state === "consumed" && !again) return { ok: false, reason: "spent" };
  home.guard.checkWhole();
  const { session } = approval.proposal.requester;
  const [revoked, killed] = await Promise.all([
    refAt(home, REVOKED + approval.name),
    refAt(home, sessionRefOf(session)),
    home.lookAtMain(),
  ]);
  if (revoked !== undefined) {
    home.revoked.set(approval.name, revoked);
    await endRevoked(home, entry);
  }
  // Whoever made that ref: a session that may have been killed spends nothing.
  if (killed !== undefined) return { ok: false, reason: "not-approved" };
  if (approval.state === "approved") await recount(home, pull);
  // All of that may have ended it, which TypeScript cannot know.
  const state = approval.state as string;
  if ((state !== "approved" && state !== "consumed") || !standsOnMain(home, entry)) {
    return { ok: false, reason: "not-approved" };
  }
  for (const [n, exchange] of entry.released) {
    if (exchange === exchangeId && entry.released.delete(n)) return { ok: true, n };
  }
  return spend(home, entry, exchangeId);
}

async function spend(home: HubContext, entry: HubEntry, exchangeId: string): Promise<UseResult> {
  const { approval } = entry;
  while (approval.state === "approved" && !approval.uses.some((spent) => spent.exchangeId === exchangeId)) {
    const n = (approval.uses.at(-1)?.n ?? 0) + 1;
    const record = { kind: "use", name: approval.name, n, exchangeId } as const;
    const message = recordMessage(home.keys, `Use ${n} of ${approval.name}`, record);
    const sha = await writeCommit(home, "use", message, home.main.tree, []);
    if (await createRef(home, "use", `${USED}${approval.name}/${n}`, sha)) {
      const at = home.clock.now();
      // GitHub takes its time: what ended meanwhile is spent, and lets nothing through.
      const expired = approval.proposal.notAfter <= at;
      // A poll may have seen this very use.
      const over = expired || !["approved", "consumed"].includes(approval.state);
      applyUses(home, entry, [...approval.uses, { n, exchangeId }]);
      if (over) return { ok: false, reason: expired ? "expired" : "not-approved" };
      home.later(`saying that ${approval.name} was used`, () =>
        comment(home, entry, { kind: "consumed", at, exchangeId }),
      );
      return { ok: true, n };
    }
    // Another gateway spent it: its refs are the truth.
    const before = approval.uses.length;
    applyUses(home, entry, await usesOf(home, approval.name, approval.uses));
    if (approval.uses.length === before) {
      throw new Refusal("approvals-unavailable", "GitHub does not show yet who spent the approval");
    }
  }
  return { ok: false, reason: "spent" };
}
