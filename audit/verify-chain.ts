import { canonicalJson } from "../base/canonical-json.ts";
import type { EventRow } from "./event.ts";
import { chainHash, GENESIS } from "./recorder/chain.ts";

export type ChainVerdict =
  | { ok: true; chains: number; events: number }
  | { ok: false; at: { session_id: string; writer: string; seq: number }; why: string };

/**
 * Checks the hash chain of each (session_id, writer) among `rows`, given in the order of their chains (other chains
 * may lie between). Finds an event that was altered, removed from the beginning or the middle, added, doubled or
 * moved. What a chain cannot show by itself is an end that was cut off: that needs a head kept elsewhere.
 */
export function verifyChain(rows: Iterable<EventRow>): ChainVerdict {
  const heads = new Map<string, { seq: number; hash: string }>();
  let events = 0;
  for (const row of rows) {
    events++;
    const { hash, prev_hash, ...rest } = row;
    const at = { session_id: row.session_id, writer: row.writer, seq: Number(row.seq) };
    const chain = JSON.stringify([row.tenant, row.session_id, row.writer]);
    const head = heads.get(chain) ?? { seq: 0, hash: GENESIS };
    const broken = (why: string): ChainVerdict => ({ ok: false, at, why });
    if (at.seq !== head.seq + 1) {
      return broken(
        at.seq <= head.seq
          ? `event ${at.seq} comes after event ${head.seq}: moved, doubled or added`
          : `event ${head.seq + 1} is missing: the next one is ${at.seq}`,
      );
    }
    if (prev_hash !== head.hash) return broken(`event ${at.seq} does not follow the event before it`);
    if (chainHash(prev_hash, canonicalJson(rest)) !== hash) return broken(`event ${at.seq} is not what was recorded`);
    heads.set(chain, { seq: at.seq, hash });
  }
  return { ok: true, chains: heads.size, events };
}
