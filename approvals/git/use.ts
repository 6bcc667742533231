import { sessionRef } from "../kills.ts";
import type { UseResult } from "../types.ts";
import { entryOf, expireIfDue, type HomeContext, takeUses, usesOf } from "./context.ts";
import { type Entry, KILLED, MAIN, REVOKED, SETTLED, USED } from "./entry.ts";
import { mainTip } from "./main.ts";
import { type RefChange, RefConflict } from "./repository.ts";

const TRIES = 5;

/**
 * Spends a use of an approval for one exchange, or says why it cannot be spent. One compare-and-swap says that main
 * still has the file, that nobody took it back or killed the session, and that the use was nobody else's. `look` makes
 * memory what the repository is.
 */
export async function use(
  home: HomeContext,
  name: string,
  exchangeId: string,
  look: (names: string[]) => Promise<void>,
): Promise<UseResult> {
  if (!/^[\w-]{1,64}$/.test(exchangeId)) throw new TypeError("an exchange id has letters, digits and dashes only");
  const known = await entryOf(home, name);
  if (known === undefined) return { ok: false, reason: "not-approved" };
  // Spent is spent: of a thousand that waited for it, all but one need not ask git.
  if (known.approval.state === "consumed" && ![...known.released.values()].includes(exchangeId)) {
    return { ok: false, reason: "spent" };
  }
  const blob = await home.repository.write("blob", `${exchangeId}\n`);
  for (let i = 1; ; i++) {
    const entry = await entryOf(home, name);
    if (entry === undefined) return { ok: false, reason: "not-approved" };
    const refused = await refusal(home, entry);
    if (refused !== undefined) return refused;
    const tip = await mainTip(home);
    // main went on: whether it still has the file is to be looked at first.
    if (home.checkedMain === tip.commit) {
      const freed = [...entry.released].find(([, exchange]) => exchange === exchangeId)?.[0];
      const spent = entry.approval.uses.some((one) => one.exchangeId === exchangeId);
      if (freed === undefined && (spent || entry.approval.state !== "approved")) return { ok: false, reason: "spent" };
      const n = freed ?? (entry.approval.uses.at(-1)?.n ?? 0) + 1;
      const what: RefChange =
        freed === undefined
          ? { ref: `${USED}${name}/${n}`, from: "", to: blob }
          : { ref: `${USED}${name}/${n}`, from: blob, to: blob };
      if (await swapped(home, [...standing(entry, tip.commit), what], blob)) {
        if (freed === undefined) takeUses(home, entry, [...entry.approval.uses, { n, exchangeId }]);
        entry.released.delete(n);
        return { ok: true, n };
      }
      // Another gateway spent it, or something else moved: its refs are the truth.
      takeUses(home, entry, await usesOf(home, name));
    }
    if (i === TRIES) return { ok: false, reason: "not-approved" };
    await look([name]);
  }
}

async function refusal(home: HomeContext, entry: Entry): Promise<UseResult | undefined> {
  home.guard.checkWhole();
  if (home.kills.has(entry.approval.proposal.requester.session)) return { ok: false, reason: "not-approved" };
  await expireIfDue(home, entry);
  const { state, proposal, breakGlass } = entry.approval;
  // Its revocation follows; whatever keeps it from coming, the verdict is on record.
  if (breakGlass?.review?.verdict === "rejected") return { ok: false, reason: "not-approved" };
  if (proposal.notAfter <= home.clock.now()) return { ok: false, reason: "expired" };
  return state === "approved" || state === "consumed" ? undefined : { ok: false, reason: "not-approved" };
}

/** What must be so at the very moment of the use. */
function standing({ approval, settled }: Entry, main: string): RefChange[] {
  const { name, proposal } = approval;
  return [
    { ref: MAIN, from: main, to: main },
    { ref: SETTLED + name, from: settled, to: settled },
    { ref: REVOKED + name, from: "", to: "" },
    { ref: KILLED + sessionRef(proposal.requester.session), from: "", to: "" },
  ];
}

/** False where something was not as expected. A git that fails may have done it all the same: who has the use tells. */
async function swapped(home: HomeContext, changes: RefChange[], blob: string): Promise<boolean> {
  try {
    await home.repository.swap(changes);
    return true;
  } catch (error) {
    if (error instanceof RefConflict) return false;
    const last = changes.at(-1);
    if (last?.from === "" && (await home.repository.ref(last.ref)) === blob) return true;
    throw error;
  }
}

/**
 * The upstream definitely did not apply it: the same exchange may use it again. In memory only: after a crash
 * nobody knows what the upstream did, so the use stays spent.
 */
export function release(home: HomeContext, name: string, n: number, exchangeId: string): void {
  const entry = home.index.byName.get(name);
  const spent = entry?.approval.uses.some((one) => one.n === n && one.exchangeId === exchangeId);
  if (spent === true) entry?.released.set(n, exchangeId);
}
