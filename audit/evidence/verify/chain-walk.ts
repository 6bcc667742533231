import { canonicalJson } from "../../../base/canonical-json.ts";
import type { EventRow } from "../../event.ts";
import { chainHash, GENESIS } from "../../recorder/chain.ts";
import { CHECKPOINT_SESSION } from "../checkpoint.ts";
import type { Finding, Findings } from "./finding.ts";
import { chainKey, type SignedHead, type SignedHeads } from "./signed-heads.ts";

interface Chain {
  session_id: string;
  writer: string;
  seq: number;
  hash: string;
  first: number;
  /** Signed heads that are still to come by, the next one last. */
  heads: SignedHead[];
  /** Up to this event all is as it was signed. */
  proven: number;
  /** Something was found after `proven`: the next signed head tells nothing new. */
  broken: boolean;
  /** Events that are missing so far: they may still come, in the wrong place. */
  gap: { from: number; to: number; before: string; finding: Finding } | undefined;
}

export interface WalkOptions {
  tenant: string;
  heads: SignedHeads;
  findings: Findings;
  /** Chains may begin before the first event that is here: an export of a period. */
  midway: boolean;
}

/**
 * Follows each chain from event to event, and compares it with the heads of it that were signed. One pass, in the order
 * of chains (others may lie between); memory holds a head a chain.
 */
export class ChainWalk {
  readonly #options: WalkOptions;
  readonly #chains = new Map<string, Chain>();
  events = 0;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  get chains(): number {
    return this.#chains.size;
  }

  take(row: EventRow): void {
    this.events++;
    const seq = Number(row.seq);
    const { session_id, writer } = row;
    if (row.tenant !== this.#options.tenant) {
      this.#found("added", session_id, writer, [seq, seq], `it is an event of tenant ${JSON.stringify(row.tenant)}`);
      return;
    }
    const chain = this.#chain(row, seq);
    if (seq <= chain.seq) {
      this.#outOfPlace(chain, row, seq);
      return;
    }
    if (seq > chain.seq + 1) {
      const missing: [number, number] = [chain.seq + 1, seq - 1];
      const finding = this.#found("removed", session_id, writer, missing, `${events(missing)} missing`);
      chain.gap = { from: missing[0], to: missing[1], before: chain.hash, finding };
      chain.broken = true;
    } else if (row.prev_hash !== chain.hash) {
      this.#altered(chain, [Math.max(chain.first, seq - 1), seq], `event ${seq} does not follow the one before it`);
    }
    this.#checkHash(chain, row, seq);
    chain.seq = seq;
    chain.hash = row.hash;
    this.#compare(chain);
  }

  /** What only the end shows: chains that are too short, or hold what nobody signed. Returns what is not signed yet. */
  end(): { events: number; chains: number } {
    const { heads } = this.#options;
    for (const signed of heads.chains()) {
      const newest = signed.findLast(({ required }) => required);
      if (newest === undefined) continue;
      const chain = this.#chains.get(chainKey(newest.session_id, newest.writer));
      if (chain !== undefined && chain.seq < newest.seq) {
        // Computed anew, a chain that lacks an event anywhere after its last signed head ends one short.
        const where = `its chain ends at event ${chain.seq}, and event ${newest.seq} was signed`;
        const why = chain.proven === chain.seq ? where : `${where}; what was taken lies after event ${chain.proven}`;
        this.#found("truncated", chain.session_id, chain.writer, [chain.proven + 1, newest.seq], why);
      }
    }
    const unsigned = { events: 0, chains: 0 };
    for (const chain of this.#chains.values()) {
      const newest = heads.of(chain.session_id, chain.writer).at(-1)?.seq ?? 0;
      if (chain.seq <= newest || chain.broken) continue;
      // The last checkpoint of all: its own event is signed by the next one, if there ever is one.
      const own = chain.session_id === CHECKPOINT_SESSION && chain.seq === newest + 1;
      if (heads.ended(chain.writer) && !own) {
        const span: [number, number] = [Math.max(newest, chain.first - 1) + 1, chain.seq];
        this.#found(
          "added",
          chain.session_id,
          chain.writer,
          span,
          `${events(span)} not among those that were signed when the writer ended`,
        );
      } else if (!own) {
        unsigned.events += chain.seq - Math.max(newest, chain.first - 1);
        unsigned.chains++;
      }
    }
    return unsigned;
  }

  /** Of each chain that is not here at all, and should be, the newest signed head. */
  *absent(): Generator<SignedHead> {
    for (const signed of this.#options.heads.chains()) {
      const newest = signed.at(-1);
      if (newest === undefined || !signed.some(({ required }) => required)) continue;
      if (!this.#chains.has(chainKey(newest.session_id, newest.writer))) yield newest;
    }
  }

  /** Chains by writers that no checkpoint names, with their first and last event. */
  *strangers(): Generator<{ session_id: string; writer: string; seq: [number, number] }> {
    for (const { session_id, writer, first, seq } of this.#chains.values()) {
      if (!this.#options.heads.known(writer)) yield { session_id, writer, seq: [first, seq] };
    }
  }

  /** Whether an event stands behind a signed head of its chain. */
  proves({ session_id, writer, seq }: { session_id: string; writer: string; seq: number }): boolean {
    return (this.#chains.get(chainKey(session_id, writer))?.proven ?? 0) >= seq;
  }

  #chain(row: EventRow, seq: number): Chain {
    const key = chainKey(row.session_id, row.writer);
    let chain = this.#chains.get(key);
    if (chain === undefined) {
      const begins = this.#options.midway && seq > 1;
      chain = {
        session_id: row.session_id,
        writer: row.writer,
        seq: begins ? seq - 1 : 0,
        hash: begins ? row.prev_hash : GENESIS,
        first: begins ? seq : 1,
        heads: [],
        proven: begins ? seq - 1 : 0,
        broken: false,
        gap: undefined,
      };
      const { first } = chain;
      chain.heads = this.#options.heads.of(row.session_id, row.writer).filter(({ seq }) => seq >= first - 1);
      chain.heads.reverse();
      if (begins) this.#compare(chain);
      this.#chains.set(key, chain);
    }
    return chain;
  }

  #outOfPlace(chain: Chain, row: EventRow, seq: number): void {
    const { gap } = chain;
    if (gap !== undefined && seq >= gap.from && seq <= gap.to) {
      gap.finding.what = "reordered";
      gap.finding.why = `event ${seq} comes after event ${chain.seq}`;
      gap.finding.seq = [gap.from, chain.seq];
      return;
    }
    this.#found(
      "added",
      chain.session_id,
      chain.writer,
      [seq, seq],
      `event ${seq} comes after event ${chain.seq}: moved, doubled or added`,
    );
    chain.broken = true;
    this.#checkHash(chain, row, seq);
  }

  #checkHash(chain: Chain, row: EventRow, seq: number): void {
    const { hash, prev_hash, ...rest } = row;
    let computed: string | undefined;
    try {
      computed = chainHash(prev_hash, canonicalJson({ ...rest, seq }));
    } catch {
      computed = undefined; // a lone surrogate, say: no event of ours has one
    }
    if (computed !== hash) this.#altered(chain, [seq, seq], `event ${seq} is not what was recorded`);
  }

  #compare(chain: Chain): void {
    const { heads } = chain;
    for (let head = heads.at(-1); head !== undefined && head.seq <= chain.seq; head = heads.at(-1)) {
      heads.pop();
      if (head.seq < chain.seq) continue; // its event is missing, which is found already
      if (head.hash === chain.hash) {
        chain.proven = head.seq;
        chain.broken = false;
      } else if (!chain.broken) {
        const why = `event ${head.seq} is not the one that was signed; what was done to it lies after event ${chain.proven}`;
        this.#altered(chain, [chain.proven + 1, head.seq], why);
      }
    }
  }

  #altered(chain: Chain, seq: [number, number], why: string): void {
    this.#found("altered", chain.session_id, chain.writer, seq, why);
    chain.broken = true;
  }

  #found(what: Finding["what"], session_id: string, writer: string, seq: [number, number], why: string): Finding {
    return this.#options.findings.add({ what, session_id, writer, seq, why });
  }
}

function events([from, to]: [number, number]): string {
  return from === to ? `event ${from} is` : `events ${from} to ${to} are`;
}
