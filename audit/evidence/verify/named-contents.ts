/** Where a content is named first. */
export interface NamedContent {
  sha256: string;
  session_id: string;
  writer: string;
  seq: number;
  /** All events that name it say that it may be gone. */
  mayBeGone: boolean;
}

const BLOCK = 65_536;

interface Block {
  chains: Uint32Array;
  seqs: Float64Array;
  mayBeGone: Uint8Array;
}

/** Contents that events name, each once: millions of them, so that they lie in columns, by digests of 32 characters. */
export class NamedContents {
  readonly #numbers = new Map<string, number>();
  readonly #blocks: Block[] = [];
  readonly #chains: { session_id: string; writer: string }[] = [];

  get size(): number {
    return this.#numbers.size;
  }

  /** `sha256` is lower-case hex. Events come chain by chain, mostly. */
  add({ sha256, session_id, writer, seq, mayBeGone }: NamedContent): void {
    const digest = Buffer.from(sha256, "hex").toString("latin1");
    const known = this.#numbers.get(digest);
    if (known !== undefined) {
      const { block, at } = this.#place(known);
      if (!mayBeGone) block.mayBeGone[at] = 0;
      return;
    }
    const last = this.#chains.at(-1);
    if (last?.session_id !== session_id || last.writer !== writer) this.#chains.push({ session_id, writer });
    const n = this.#numbers.size;
    const { block, at } = this.#place(n);
    block.chains[at] = this.#chains.length - 1;
    block.seqs[at] = seq;
    block.mayBeGone[at] = mayBeGone ? 1 : 0;
    this.#numbers.set(digest, n);
  }

  *[Symbol.iterator](): Generator<NamedContent> {
    for (const [digest, n] of this.#numbers) {
      const { block, at } = this.#place(n);
      const { session_id = "", writer = "" } = this.#chains[block.chains[at] ?? 0] ?? {};
      const sha256 = Buffer.from(digest, "latin1").toString("hex");
      yield { sha256, session_id, writer, seq: block.seqs[at] ?? 0, mayBeGone: block.mayBeGone[at] === 1 };
    }
  }

  #place(n: number): { block: Block; at: number } {
    let block = this.#blocks[Math.floor(n / BLOCK)];
    if (block === undefined) {
      block = { chains: new Uint32Array(BLOCK), seqs: new Float64Array(BLOCK), mayBeGone: new Uint8Array(BLOCK) };
      this.#blocks.push(block);
    }
    return { block, at: n % BLOCK };
  }
}
