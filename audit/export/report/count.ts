import type { EventRow } from "../../event.ts";
import type { InclusionProof } from "../../evidence/checkpoint.ts";

export interface CountedChain {
  session_id: string;
  writer: string;
  first: number;
  last: number;
}

/** What the report says of the events that went into a pack. */
export interface PackCount {
  events: number;
  kinds: Map<string, number>;
  /** The chains, the first of them: a report names no more. */
  chains: CountedChain[];
  chainCount: number;
  proofs: InclusionProof[];
  bodies: number;
  missingBodies: string[];
  alteredBodies: string[];
  add(row: EventRow): void;
}

const NAMED_CHAINS = 1_000;

export function emptyCount(): PackCount {
  let chain: CountedChain | undefined;
  return {
    events: 0,
    kinds: new Map(),
    chains: [],
    chainCount: 0,
    proofs: [],
    bodies: 0,
    missingBodies: [],
    alteredBodies: [],
    /** In the order of chains. */
    add({ session_id, writer, seq, kind }) {
      this.events++;
      this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
      if (chain === undefined || chain.session_id !== session_id || chain.writer !== writer) {
        chain = { session_id, writer, first: Number(seq), last: Number(seq) };
        this.chainCount++;
        if (this.chains.length < NAMED_CHAINS) this.chains.push(chain);
      }
      chain.last = Number(seq);
    },
  };
}
