/** Bytes of a pattern that are looked at, from its beginning. */
export const WINDOW = 8;
/** Bytes that are hashed at once. */
const BLOCK = 4;
const SMALLEST = 12;
const LARGEST = 20;
/** Entries of the table for each block: so sparse that most places are skipped. */
const SPARSE = 8;

/**
 * Tells of most bytes that none of many patterns stands in them, looking at every fifth byte or so: Wu and Manber, "A
 * fast algorithm for multi-pattern searching", 1994. It takes up patterns one by one, at no more than their first
 * bytes cost; a ByteMatcher is built anew for each. What it does not rule out is for the ByteMatcher to find.
 */
export class ByteFilter {
  #bits = SMALLEST;
  /** By the hash of a block: how far the window may move on. */
  #shift = new Uint8Array(1 << SMALLEST).fill(WINDOW - BLOCK + 1);
  /** The windows of all patterns, as latin1. */
  readonly #windows = new Set<string>();
  /** A pattern is shorter than the window: nothing is ruled out. */
  #short = false;

  add(pattern: Uint8Array): void {
    if (pattern.length < WINDOW) {
      this.#short = true;
      return;
    }
    const window = Buffer.from(pattern.buffer, pattern.byteOffset, WINDOW).toString("latin1");
    if (this.#windows.has(window)) return;
    this.#windows.add(window);
    if (this.#bits < LARGEST && this.#windows.size * (WINDOW - BLOCK + 1) * SPARSE > 1 << this.#bits) this.#grow();
    else this.#enter(pattern);
  }

  #grow(): void {
    this.#bits = Math.min(LARGEST, this.#bits + 2);
    this.#shift = new Uint8Array(1 << this.#bits).fill(WINDOW - BLOCK + 1);
    for (const window of this.#windows) this.#enter(Buffer.from(window, "latin1"));
  }

  #enter(pattern: Uint8Array): void {
    for (let end = BLOCK; end <= WINDOW; end++) {
      const at = hash(pattern, end, 32 - this.#bits);
      this.#shift[at] = Math.min(this.#shift[at] as number, WINDOW - end);
    }
  }

  /** False only where no pattern stands in the bytes. */
  mayStandIn(bytes: Uint8Array): boolean {
    if (this.#short) return true;
    const shifts = this.#shift;
    const down = 32 - this.#bits;
    for (let end = WINDOW; end <= bytes.length; ) {
      const shift = shifts[hash(bytes, end, down)] as number;
      if (shift !== 0) end += shift;
      else if (this.#windows.has(latin1(bytes, end++))) return true;
    }
    return false;
  }
}

/** Of the block that ends before `end`. */
function hash(bytes: Uint8Array, end: number, down: number): number {
  const block =
    (bytes[end - 1] as number) |
    ((bytes[end - 2] as number) << 8) |
    ((bytes[end - 3] as number) << 16) |
    ((bytes[end - 4] as number) << 24);
  return Math.imul(block, 0x9e3779b1) >>> down;
}

function latin1(bytes: Uint8Array, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + end - WINDOW, WINDOW).toString("latin1");
}
