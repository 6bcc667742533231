import type { EventRow } from "./event.ts";
import { ChainWalk } from "./evidence/verify/chain-walk.ts";
import { Findings } from "./evidence/verify/finding.ts";
import { SignedHeads } from "./evidence/verify/signed-heads.ts";

export type ChainVerdict =
  | { ok: true; chains: number; events: number }
  | { ok: false; at: { session_id: string; writer: string; seq: number }; why: string };

/**
 * Checks the hash chain of each (session_id, writer) among `rows`, given in the order of their chains (other chains
 * may lie between). Finds an event that was altered, removed from the beginning or the middle, added, doubled or
 * moved. What a chain cannot show by itself is an end that was cut off, or that all of it was computed anew: that
 * needs a head that was signed (`verifyRecord`).
 */
export function verifyChain(rows: Iterable<EventRow>): ChainVerdict {
  const check = new ChainCheck();
  for (const row of rows) check.take(row);
  return check.verdict();
}

/** As `verifyChain`, event by event. With `midway` chains may begin before the first event that is given. */
export class ChainCheck {
  readonly #findings = new Findings();
  readonly #walks = new Map<string, ChainWalk>();
  readonly #midway: boolean;

  constructor({ midway = false }: { midway?: boolean } = {}) {
    this.#midway = midway;
  }

  take(row: EventRow): void {
    let walk = this.#walks.get(row.tenant);
    if (walk === undefined) {
      const [heads, findings] = [new SignedHeads(), this.#findings];
      walk = new ChainWalk({ tenant: row.tenant, heads, findings, midway: this.#midway });
      this.#walks.set(row.tenant, walk);
    }
    walk.take(row);
  }

  verdict(): ChainVerdict {
    const [first] = this.#findings.list;
    if (first !== undefined) {
      const { session_id = "", writer = "", seq = [0, 0], why } = first;
      return { ok: false, at: { session_id, writer, seq: seq[0] }, why };
    }
    const walks = [...this.#walks.values()];
    const sum = (count: (walk: ChainWalk) => number): number => walks.reduce((total, walk) => total + count(walk), 0);
    return { ok: true, chains: sum(({ chains }) => chains), events: sum(({ events }) => events) };
  }
}
