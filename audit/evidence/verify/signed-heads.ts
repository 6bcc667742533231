import { CHECKPOINT_SESSION, type Checkpoint, type Leaf, WRITER_ENDED } from "../checkpoint.ts";

/** Names a chain. Ids hold no newline: those of writers are UUIDs. */
export const chainKey = (session_id: string, writer: string): string => `${writer}\n${session_id}`;

/** A signed head. One that is not required says how a chain went on after what is here: after an export's end. */
export interface SignedHead extends Leaf {
  required: boolean;
}

const HASH = 32;
/** Heads of a block: 512 KiB of hashes. */
const BLOCK = 16_384;
const NONE = -1;

interface Block {
  hashes: Buffer;
  seqs: Float64Array;
  /** Of its chain, the head that was added before this one. */
  before: Int32Array;
  required: Uint8Array;
}

/**
 * Which heads were signed, which processes are known, and which of them have ended. A year of a busy gateway has millions
 * of heads: they lie in blocks of 45 bytes each, not in objects of ten times that.
 */
export class SignedHeads {
  readonly #blocks: Block[] = [];
  /** By writer, then session: the number of the chain's last added head. */
  readonly #chains = new Map<string, Map<string, number>>();
  readonly #ended = new Set<string>();
  readonly #known = new Set<string>();
  leaves = 0;

  take(checkpoint: Pick<Checkpoint, "log" | "leaves">, required: boolean): void {
    this.#known.add(checkpoint.log);
    for (const leaf of checkpoint.leaves) this.add({ ...leaf, required });
  }

  add({ session_id, writer, seq, hash, required }: SignedHead): void {
    this.#known.add(writer);
    if (session_id === CHECKPOINT_SESSION && hash === WRITER_ENDED) {
      this.#ended.add(writer);
      return;
    }
    const n = this.leaves++;
    let sessions = this.#chains.get(writer);
    if (sessions === undefined) {
      sessions = new Map();
      this.#chains.set(writer, sessions);
    }
    const at = n % BLOCK;
    const block = this.#blocks[Math.floor(n / BLOCK)] ?? this.#newBlock();
    block.hashes.write(hash, at * HASH, HASH, "hex");
    block.seqs[at] = seq;
    block.before[at] = sessions.get(session_id) ?? NONE;
    block.required[at] = required ? 1 : 0;
    sessions.set(session_id, n);
  }

  /** The heads of a chain in the order of seq; put together anew each time. */
  of(session_id: string, writer: string): SignedHead[] {
    return this.#from(session_id, writer, this.#chains.get(writer)?.get(session_id) ?? NONE);
  }

  /** All chains that have a signed head, one after the other. */
  *chains(): Generator<SignedHead[]> {
    for (const [writer, sessions] of this.#chains) {
      for (const [session_id, last] of sessions) yield this.#from(session_id, writer, last);
    }
  }

  /** Every event of this writer is covered by a signed head. */
  ended(writer: string): boolean {
    return this.#ended.has(writer);
  }

  known(writer: string): boolean {
    return this.#known.has(writer);
  }

  #from(session_id: string, writer: string, last: number): SignedHead[] {
    const heads: SignedHead[] = [];
    for (let n = last; n !== NONE; ) {
      const block = this.#blocks[Math.floor(n / BLOCK)] ?? this.#newBlock();
      const at = n % BLOCK;
      const hash = block.hashes.toString("hex", at * HASH, (at + 1) * HASH);
      heads.push({ session_id, writer, seq: block.seqs[at] ?? 0, hash, required: block.required[at] === 1 });
      n = block.before[at] ?? NONE;
    }
    // Those of one seq stay in the order in which they were added. One of a process that was cut short may be signed after
    // a later one.
    return heads.reverse().sort((a, b) => a.seq - b.seq);
  }

  #newBlock(): Block {
    const block = {
      hashes: Buffer.alloc(BLOCK * HASH),
      seqs: new Float64Array(BLOCK),
      before: new Int32Array(BLOCK),
      required: new Uint8Array(BLOCK),
    };
    this.#blocks.push(block);
    return block;
  }
}
