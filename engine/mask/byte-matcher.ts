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

/** What one state costs, in bytes: its byte, whether edges lead on, what it falls back to, and what it finds. */
export const STATE_BYTES = 10;

/** Bytes of patterns, and states, that are looked at before others may run: some 2 ms. */
const STEP = 16_384;
/** And states that are only counted. */
const CHUNK = 131_072;

/** How a state goes on: to the next one by that one's byte, and by edges of the table. */
const CHAINED = 1;
const BRANCHES = 2;

/**
 * Looks for many byte strings at once in one pass: Aho and Corasick, "Efficient string matching", 1975. Linear in
 * what is searched whatever it is, which regular expressions and hash filters are not: what is searched is the
 * output of programs that an agent chose. Most states go on by one byte only, to the state that was made after them,
 * and have no edge in a table: one of 28 bytes for each state was three times the memory.
 */
export class ByteMatcher {
  states = 1;
  readonly #root = new Int32Array(256);
  /** By state: the byte that leads to it. */
  #label: Uint8Array;
  #ways: Uint8Array;
  /** Edges to states that were not made right after the one they come from. */
  readonly #keys: Int32Array;
  readonly #targets: Int32Array;
  readonly #slots: number;
  #fail = new Int32Array(0);
  /** The longest pattern that ends here, by its index plus one. */
  #found: Int32Array;
  /** Where a chain of states begins, and how deep its first one is. */
  #chains = new Int32Array(0);
  #chainDepths = new Int32Array(0);
  readonly #lengths: Int32Array;
  readonly #values: Int32Array;

  /** At most 2^23 bytes of patterns: a state and a byte are one 31-bit key. `aside`: it is empty, for `building` to fill. */
  constructor(patterns: readonly BytePattern[], aside = false) {
    const total = patterns.reduce((sum, { bytes }) => sum + bytes.length, 1);
    if (total > 1 << 23) throw new RangeError("too many bytes to look for");
    // A pattern leaves what is there already once, by one edge.
    const slots = 1 << (32 - Math.clz32(patterns.length * 2 + 1));
    this.#slots = slots - 1;
    this.#keys = new Int32Array(slots);
    this.#targets = new Int32Array(slots);
    this.#lengths = Int32Array.from(patterns, ({ bytes }) => bytes.length);
    this.#values = Int32Array.from(patterns, ({ value }) => value);
    this.#label = new Uint8Array(total);
    this.#ways = new Uint8Array(total);
    this.#found = new Int32Array(total);
    if (aside) return;
    const filling = this.#fill(patterns);
    while (filling.next().done !== true);
  }

  /** Makes one in steps, between which others may run. */
  static *building(patterns: readonly BytePattern[]): Generator<undefined, ByteMatcher> {
    const matcher = new ByteMatcher(patterns, true);
    yield* matcher.#fill(patterns);
    return matcher;
  }

  *#fill(patterns: readonly BytePattern[]): Generator<undefined, undefined> {
    const label = this.#label;
    const ways = this.#ways;
    const found = this.#found;
    const parent = new Int32Array(label.length);
    const chains: number[] = [0];
    const chainDepths: number[] = [0];
    let states = 1;
    let step = 0;
    for (const [i, { bytes }] of patterns.entries()) {
      step += bytes.length;
      if (step > STEP) {
        step = 0;
        yield;
      }
      let state = 0;
      for (let at = 0; at < bytes.length; at++) {
        const byte = bytes[at] as number;
        let next = state === 0 ? (this.#root[byte] as number) : this.#edge(state, byte);
        if (next === 0) {
          next = states++;
          parent[next] = state;
          label[next] = byte;
          if (state !== 0 && next === state + 1) ways[state] = (ways[state] as number) | CHAINED;
          else {
            chains.push(next);
            chainDepths.push(at + 1);
            if (state === 0) this.#root[byte] = next;
            else this.#setEdge(state, byte, next);
          }
        }
        state = next;
      }
      if (state !== 0 && found[state] === 0) found[state] = i + 1;
    }
    this.states = states;
    this.#chains = Int32Array.from(chains);
    this.#chainDepths = Int32Array.from(chainDepths);
    this.#label = label.slice(0, states);
    this.#ways = ways.slice(0, states);
    this.#found = found.slice(0, states);
    this.#fail = new Int32Array(states);
    yield* this.#link(parent);
  }

  /** By depth, so that what a state falls back to is linked before it. */
  *#link(parent: Int32Array): Generator<undefined, undefined> {
    const fail = this.#fail;
    const found = this.#found;
    const depths = yield* this.#depths();
    let deepest = 0;
    for (const { from, to } of this.#chunks()) {
      for (let s = from; s < to; s++) deepest = Math.max(deepest, depths[s] as number);
      yield;
    }
    const starts = new Int32Array(deepest + 2);
    for (const { from, to } of this.#chunks()) {
      for (let s = from; s < to; s++) {
        const depth = depths[s] as number;
        starts[depth + 1] = (starts[depth + 1] as number) + 1;
      }
      yield;
    }
    for (let d = 1; d < starts.length; d++) starts[d] = (starts[d] as number) + (starts[d - 1] as number);
    const order = new Int32Array(this.states);
    for (const { from, to } of this.#chunks()) {
      for (let s = from; s < to; s++) {
        const at = starts[depths[s] as number] as number;
        order[at] = s;
        starts[depths[s] as number] = at + 1;
      }
      yield;
    }
    for (let i = 0; i < order.length; i++) {
      const state = order[i] as number;
      if (i % STEP === STEP - 1) yield;
      if ((depths[state] as number) < 2) continue;
      fail[state] = this.next(fail[parent[state] as number] as number, this.#label[state] as number);
      if (found[state] === 0) found[state] = found[fail[state] as number] as number;
    }
  }

  /** All states, in parts between which others may run. */
  *#chunks(): Generator<{ from: number; to: number }, undefined> {
    for (let from = 0; from < this.states; from += CHUNK) yield { from, to: Math.min(this.states, from + CHUNK) };
  }

  *#depths(): Generator<undefined, Int32Array> {
    const depths = new Int32Array(this.states);
    let next = CHUNK;
    for (let i = 0; i < this.#chains.length; i++) {
      const end = this.#chains[i + 1] ?? this.states;
      let depth = this.#chainDepths[i] as number;
      for (let state = this.#chains[i] as number; state < end; state++) depths[state] = depth++;
      if (end < next) continue;
      next = end + CHUNK;
      yield;
    }
    return depths;
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
    const ways = this.#ways[state] as number;
    if ((ways & CHAINED) !== 0 && this.#label[state + 1] === byte) return state + 1;
    return (ways & BRANCHES) === 0 ? 0 : (this.#targets[this.#slot((state << 8) | byte)] as number);
  }

  #setEdge(state: number, byte: number, target: number): void {
    this.#ways[state] = (this.#ways[state] as number) | BRANCHES;
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
    let low = 0;
    for (let high = this.#chains.length; high - low > 1; ) {
      const middle = (low + high) >>> 1;
      if ((this.#chains[middle] as number) <= state) low = middle;
      else high = middle;
    }
    return (this.#chainDepths[low] as number) + state - (this.#chains[low] as number);
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
