/** One string of bytes to look for. `value` says whose it is: several encodings of one value share it. */
export interface BytePattern {
  bytes: Uint8Array;
  value: number;
}

/** Half-open: `[start, end)`. */
export interface Span {
  start: number;
  end: number;
  value: number;
}

/**
 * Looks for many byte strings at once in one pass: Aho and Corasick, "Efficient string matching", 1975. Linear in
 * what is searched whatever it is, which regular expressions and hash filters are not: what is searched is the
 * output of programs that an agent chose. Edges are one hash table: a state costs 28 bytes at most, where
 * a row of 256 would cost a kilobyte.
 */
export class ByteMatcher {
  readonly states: number;
  readonly #root = new Int32Array(256);
  readonly #keys: Int32Array;
  readonly #targets: Int32Array;
  readonly #slots: number;
  readonly #fail: Int32Array;
  readonly #depth: Int32Array;
  /** The longest pattern that ends here, by its index plus one. */
  readonly #found: Int32Array;
  readonly #lengths: Int32Array;
  readonly #values: Int32Array;

  /** At most 2^23 bytes of patterns: a state and a byte are one 31-bit key. */
  constructor(patterns: readonly BytePattern[]) {
    const total = patterns.reduce((sum, { bytes }) => sum + bytes.length, 1);
    if (total > 1 << 23) throw new RangeError("too many bytes to look for");
    const slots = 1 << (32 - Math.clz32(total * 2));
    this.#slots = slots - 1;
    this.#keys = new Int32Array(slots);
    this.#targets = new Int32Array(slots);
    this.#lengths = Int32Array.from(patterns, ({ bytes }) => bytes.length);
    this.#values = Int32Array.from(patterns, ({ value }) => value);
    const parent = new Int32Array(total);
    const label = new Uint8Array(total);
    const depth = new Int32Array(total);
    const found = new Int32Array(total);
    let states = 1;
    for (const [i, { bytes }] of patterns.entries()) {
      let state = 0;
      for (const byte of bytes) {
        let next = state === 0 ? (this.#root[byte] as number) : this.#edge(state, byte);
        if (next === 0) {
          next = states++;
          parent[next] = state;
          label[next] = byte;
          depth[next] = (depth[state] as number) + 1;
          if (state === 0) this.#root[byte] = next;
          else this.#setEdge(state, byte, next);
        }
        state = next;
      }
      if (state !== 0 && found[state] === 0) found[state] = i + 1;
    }
    this.states = states;
    this.#depth = depth.slice(0, states);
    this.#found = found.slice(0, states);
    this.#fail = new Int32Array(states);
    this.#link(parent, label);
  }

  /** By depth, so that what a state falls back to is linked before it. */
  #link(parent: Int32Array, label: Uint8Array): void {
    const fail = this.#fail;
    const found = this.#found;
    const deepest = this.#depth.reduce((a, b) => Math.max(a, b), 0);
    const starts = new Int32Array(deepest + 2);
    for (const depth of this.#depth) starts[depth + 1] = (starts[depth + 1] as number) + 1;
    for (let d = 1; d < starts.length; d++) starts[d] = (starts[d] as number) + (starts[d - 1] as number);
    const order = new Int32Array(this.states);
    for (let s = 0; s < this.states; s++) {
      const at = starts[this.#depth[s] as number] as number;
      order[at] = s;
      starts[this.#depth[s] as number] = at + 1;
    }
    for (const state of order) {
      if ((this.#depth[state] as number) < 2) continue;
      fail[state] = this.next(fail[parent[state] as number] as number, label[state] as number);
      if (found[state] === 0) found[state] = found[fail[state] as number] as number;
    }
  }

  #slot(key: number): number {
    let at = (Math.imul(key, 0x9e3779b1) >>> 8) & this.#slots;
    for (;;) {
      const there = this.#keys[at];
      if (there === key || there === 0) return at;
      at = (at + 1) & this.#slots;
    }
  }

  #edge(state: number, byte: number): number {
    return this.#targets[this.#slot((state << 8) | byte)] as number;
  }

  #setEdge(state: number, byte: number, target: number): void {
    const key = (state << 8) | byte;
    const at = this.#slot(key);
    this.#keys[at] = key;
    this.#targets[at] = target;
  }

  /** The state after one more byte; 0 is the beginning. */
  next(from: number, byte: number): number {
    let state = from;
    while (state !== 0) {
      const target = this.#edge(state, byte);
      if (target !== 0) return target;
      state = this.#fail[state] as number;
    }
    return this.#root[byte] as number;
  }

  /** How many of the last bytes may be the beginning of a pattern. */
  depth(state: number): number {
    return this.#depth[state] as number;
  }

  /**
   * Goes on from `state` through `bytes`, and adds to `spans` where patterns stand, from `offset` on, merged where
   * they overlap. Spans may begin before the offset: what was searched before is part of them. `skipped`: values
   * that do not count.
   */
  scan(state: number, bytes: Uint8Array, offset: number, spans: Span[], skipped?: ReadonlySet<number>): number {
    const found = this.#found;
    const root = this.#root;
    let at = state;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      at = at === 0 ? (root[byte] as number) : this.next(at, byte);
      if (found[at] !== 0) this.#take(at, offset + i + 1, spans, skipped);
    }
    return at;
  }

  #take(state: number, end: number, spans: Span[], skipped: ReadonlySet<number> | undefined): void {
    let at = state;
    let pattern = (this.#found[at] as number) - 1;
    while (skipped?.has(this.#values[pattern] as number) === true) {
      // A shorter pattern that ends here may count.
      at = this.#fail[at] as number;
      pattern = (this.#found[at] as number) - 1;
      if (pattern < 0) return;
    }
    const start = end - (this.#lengths[pattern] as number);
    const value = this.#values[pattern] as number;
    for (;;) {
      const last = spans.at(-1);
      if (last === undefined || last.end < start) break;
      if (last.start <= start) {
        last.end = end;
        return;
      }
      spans.pop();
    }
    spans.push({ start, end, value });
  }

  /** Where patterns stand in bytes that are all there. */
  find(bytes: Uint8Array, skipped?: ReadonlySet<number>): Span[] {
    const spans: Span[] = [];
    this.scan(0, bytes, 0, spans, skipped);
    return spans;
  }

  /** Whether any pattern stands in the bytes. */
  test(bytes: Uint8Array, skipped?: ReadonlySet<number>): boolean {
    const spans: Span[] = [];
    let state = 0;
    for (let i = 0; i < bytes.length; i++) {
      state = this.next(state, bytes[i] as number);
      if (this.#found[state] === 0) continue;
      this.#take(state, i + 1, spans, skipped);
      if (spans.length > 0) return true;
    }
    return false;
  }
}
