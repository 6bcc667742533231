const NOTHING = Buffer.alloc(0);

/**
 * Bytes that wait for their end, in one buffer that grows: a sender of single bytes must not make us keep a
 * million views, nor the chunks that they are views of.
 */
export class HeldBytes {
  readonly #room: number;
  #buffer: Buffer = NOTHING;
  #start = 0;
  #size = 0;

  /** `room`: bytes that are asked of memory at once, for what is held again and again; else as much as is held. */
  constructor(room = 4096) {
    this.#room = room;
  }

  get size(): number {
    return this.#size;
  }

  add(part: Uint8Array): void {
    const size = this.#size + part.length;
    if (this.#start + size > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(this.#room, size, Math.min(size * 2, size + 1_048_576)));
      larger.set(this.#buffer.subarray(this.#start, this.#start + this.#size));
      this.#buffer = larger;
      this.#start = 0;
    }
    this.#buffer.set(part, this.#start + this.#size);
    this.#size = size;
  }

  /** All that was held, and `last` (from `from` to `to`) after it, which alone is not copied. What was held is given away. */
  take(last: Uint8Array, from = 0, to = last.length): Buffer {
    if (this.#size === 0) return Buffer.from(last.buffer, last.byteOffset + from, to - from);
    this.add(last.subarray(from, to));
    const taken = this.#buffer.subarray(this.#start, this.#start + this.#size);
    this.#start += this.#size;
    this.#size = 0;
    // What is left of a buffer is for what is held next, where there will be such a thing.
    if (this.#room <= 4096) this.#buffer = NOTHING;
    if (this.#buffer.length === 0) this.#start = 0;
    return taken;
  }
}
