import { CHECKPOINT_SESSION, type Checkpoint, type Leaf, WRITER_ENDED } from "../checkpoint.ts";

/** Names a chain. Ids hold no newline: those of writers are UUIDs. */
export const chainKey = (session_id: string, writer: string): string => `${writer}\n${session_id}`;

/** A signed head. One that is not required says how a chain went on after what is here: after an export's end. */
export interface SignedHead extends Leaf {
  required: boolean;
}

/** Which heads were signed, which processes are known, and which of them have ended. */
export class SignedHeads {
  /** By chain, in the order of seq. */
  readonly #heads = new Map<string, SignedHead[]>();
  readonly #ended = new Set<string>();
  readonly #known = new Set<string>();
  leaves = 0;

  take(checkpoint: Pick<Checkpoint, "log" | "leaves">, required: boolean): void {
    this.#known.add(checkpoint.log);
    for (const leaf of checkpoint.leaves) this.add({ ...leaf, required });
  }

  add(leaf: SignedHead): void {
    this.#known.add(leaf.writer);
    if (leaf.session_id === CHECKPOINT_SESSION && leaf.hash === WRITER_ENDED) {
      this.#ended.add(leaf.writer);
      return;
    }
    this.leaves++;
    const key = chainKey(leaf.session_id, leaf.writer);
    const heads = this.#heads.get(key);
    if (heads === undefined) this.#heads.set(key, [leaf]);
    else {
      heads.push(leaf);
      // One of a process that was cut short may be signed after a later one; a handful at most.
      for (let i = heads.length - 1; i > 0 && (heads[i - 1]?.seq ?? 0) > leaf.seq; i--) {
        heads[i] = heads[i - 1] ?? leaf;
        heads[i - 1] = leaf;
      }
    }
  }

  of(session_id: string, writer: string): readonly SignedHead[] {
    return this.#heads.get(chainKey(session_id, writer)) ?? [];
  }

  /** All chains that have a signed head. */
  chains(): IterableIterator<SignedHead[]> {
    return this.#heads.values();
  }

  /** Every event of this writer is covered by a signed head. */
  ended(writer: string): boolean {
    return this.#ended.has(writer);
  }

  known(writer: string): boolean {
    return this.#known.has(writer);
  }
}
