/** Bytes of a pattern that are looked at, from its beginning. */
export const WINDOW = 8;
/** Bytes that are looked at together: a word of memory. Every window has one. */
const BLOCK = 4;
const SMALLEST = 12;
const LARGEST = 20;
/** Tables of a filter without patterns: most sessions know nothing, and a hundred thousand may be open. */
const NONE = new Uint8Array(0);
/** Entries of a table for each block: so sparse that most places are ruled out by one look. */
const SPARSE = 8;

/**
 * Tells of most bytes that none of many patterns stands in them, looking at each aligned word of them once. Wu and
 * Manber's shifts ("A fast algorithm for multi-pattern searching", 1994) look at fewer, each where the one before
 * said, and took twice as long. It takes up patterns one by one, at no more than their first bytes cost; a
 * ByteMatcher is built anew for each. What it does not rule out is for the ByteMatcher to find.
 */
export class ByteFilter {
  #bits = SMALLEST;
  /** By the hash of a block: at which offsets of a window it stands, as bits. */
  #blocks = NONE;
  /** By another hash of a block: whether there is such a block. */
  #seconds = NONE;
  /** By the hash of a whole window. */
  #heads = NONE;
  /** The windows of all patterns, as latin1. */
  readonly #windows = new Set<string>();
  /** A pattern is shorter than the window: nothing is ruled out. */
  #short = false;

  add(pattern: Uint8Array): void {
    if (pattern.length < WINDOW) {
      this.#short = true;
      return;
    }
    const window = latin1(pattern, 0);
    if (this.#windows.has(window)) return;
    this.#windows.add(window);
    if (this.#bits < LARGEST && this.#windows.size * BLOCK * SPARSE > 1 << this.#bits) this.#grow();
    else {
      if (this.#blocks === NONE) this.#allocate();
      this.#enter(pattern);
    }
  }

  #grow(): void {
    this.#bits = Math.min(LARGEST, this.#bits + 2);
    this.#allocate();
    for (const window of this.#windows) this.#enter(Buffer.from(window, "latin1"));
  }

  #allocate(): void {
    this.#blocks = new Uint8Array(1 << this.#bits);
    this.#seconds = new Uint8Array(1 << this.#bits);
    this.#heads = new Uint8Array(1 << this.#bits);
  }

  #enter(pattern: Uint8Array): void {
    const down = 32 - this.#bits;
    for (let offset = 0; offset < BLOCK; offset++) {
      const word = wordAt(pattern, offset);
      const at = hashWord(word, down);
      this.#blocks[at] = (this.#blocks[at] as number) | (1 << offset);
      this.#seconds[hashAgain(word, down)] = 1;
    }
    this.#heads[hashWindow(pattern, 0, down)] = 1;
  }

  /** False only where no pattern stands in the bytes. */
  mayStandIn(bytes: Uint8Array): boolean {
    if (this.#short) return true;
    if (this.#windows.size === 0) return false;
    const blocks = this.#blocks;
    const seconds = this.#seconds;
    const down = 32 - this.#bits;
    const words = wordsOf(bytes);
    const last = (bytes.byteOffset + bytes.length) >>> 2;
    for (let i = (bytes.byteOffset + BLOCK - 1) >>> 2; i < last; i++) {
      const offsets = blocks[hashWord(words[i] as number, down)] as number;
      if (offsets === 0 || seconds[hashAgain(words[i] as number, down)] === 0) continue;
      if (this.#beginsAround(bytes, i * BLOCK - bytes.byteOffset, offsets)) return true;
    }
    return false;
  }

  /** Whether a window has its block `at` at one of these offsets. */
  #beginsAround(bytes: Uint8Array, at: number, offsets: number): boolean {
    for (let offset = 0; offset < BLOCK; offset++) {
      const start = at - offset;
      if ((offsets & (1 << offset)) === 0 || start < 0 || start + WINDOW > bytes.length) continue;
      if (this.#heads[hashWindow(bytes, start, 32 - this.#bits)] === 0) continue;
      if (this.#windows.has(latin1(bytes, start))) return true;
    }
    return false;
  }
}

/** Knuth's multiplicative hash (The Art of Computer Programming, §6.4). */
function hashWord(word: number, down: number): number {
  return Math.imul(word, -1_640_531_535) >>> down;
}

function hashAgain(word: number, down: number): number {
  return Math.imul(word ^ (word >>> 15), -2_048_144_789) >>> down;
}

function hashWindow(bytes: Uint8Array, at: number, down: number): number {
  const first = Math.imul(wordAt(bytes, at), -2_048_144_789);
  return hashWord(first ^ (first >>> 15) ^ wordAt(bytes, at + BLOCK), down);
}

const scratch = new Int32Array(1);
const scratchBytes = new Uint8Array(scratch.buffer);

/** As memory would hold the bytes at a place that is aligned, in whatever order this machine does. */
function wordAt(bytes: Uint8Array, at: number): number {
  for (let i = 0; i < BLOCK; i++) scratchBytes[i] = bytes[at + i] as number;
  return scratch[0] as number;
}

/** Pieces of one chunk are views of one buffer: to make a view costs more than to look through a short one. */
let viewed = new Int32Array(0);

function wordsOf({ buffer }: Uint8Array): Int32Array {
  if (viewed.buffer !== buffer) viewed = new Int32Array(buffer as ArrayBuffer, 0, buffer.byteLength >>> 2);
  return viewed;
}

function latin1(bytes: Uint8Array, start: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, WINDOW).toString("latin1");
}
