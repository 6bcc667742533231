import type { UseResult } from "../types.ts";
import { entryOf, expireIfDue, type HomeContext } from "./context.ts";
import { type Entry, standsOnMain, USED } from "./entry.ts";
import { applyUses, readUses } from "./load.ts";
import { RefConflict } from "./repository.ts";

/** Spends a use of an approval for one exchange, or says why it cannot be spent. */
export async function use(home: HomeContext, name: string, exchangeId: string): Promise<UseResult> {
  if (!/^[\w-]{1,64}$/.test(exchangeId)) throw new TypeError("an exchange id has letters, digits and dashes only");
  const entry = await entryOf(home, name);
  if (entry === undefined) return { ok: false, reason: "not-approved" };
  const { approval } = entry;
  await expireIfDue(home, entry);
  if (approval.proposal.notAfter <= home.clock.now()) return { ok: false, reason: "expired" };
  if (approval.state !== "approved" && approval.state !== "consumed") return { ok: false, reason: "not-approved" };
  const [stands, blob] = await Promise.all([
    standsOnMain(home.repository, approval),
    home.repository.write("blob", `${exchangeId}\n`),
  ]);
  if (!stands) return { ok: false, reason: "not-approved" };
  for (const [n, exchange] of entry.released) {
    if (exchange === exchangeId && entry.released.delete(n)) return { ok: true, n };
  }
  return spend(home, entry, exchangeId, blob);
}

async function spend(home: HomeContext, entry: Entry, exchangeId: string, blob: string): Promise<UseResult> {
  const { approval } = entry;
  while (approval.state === "approved" && !approval.uses.some((spent) => spent.exchangeId === exchangeId)) {
    const n = (approval.uses.at(-1)?.n ?? 0) + 1;
    try {
      await home.repository.swap([{ ref: `${USED}${approval.name}/${n}`, from: "", to: blob }]);
      record(home, entry, [...approval.uses, { n, exchangeId }]);
      return { ok: true, n };
    } catch (error) {
      if (!(error instanceof RefConflict)) throw error;
      // Another gateway spent it: its refs are the truth.
      const uses = await readUses(home.repository, `${USED}${approval.name}/`);
      record(home, entry, uses.get(approval.name) ?? []);
    }
  }
  return { ok: false, reason: "spent" };
}

function record(home: HomeContext, entry: Entry, uses: Entry["approval"]["uses"]): void {
  const before = entry.approval.state;
  applyUses(entry, uses);
  if (entry.approval.state !== before) home.index.changed(entry);
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
