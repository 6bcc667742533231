/**
 * Bytes that wait for their end, in one buffer that grows: a sender of single bytes must not make us keep a
 * million views, nor the chunks that they are views of.
 */
export class HeldBytes {
  #buffer: Buffer = Buffer.alloc(0);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(part: Uint8Array): void {
    const size = this.#size + part.length;
    if (size > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(4096, size, Math.min(size * 2, size + 1_048_576)));
      larger.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = larger;
    }
    this.#buffer.set(part, this.#size);
    this.#size = size;
  }

  /** All that was held, and `last` (from `from` to `to`) after it, which alone is not copied. What was held is given away. */
  take(last: Uint8Array, from = 0, to = last.length): Buffer {
    if (this.#size === 0) return Buffer.from(last.buffer, last.byteOffset + from, to - from);
    this.add(last.subarray(from, to));
    const taken = this.#buffer.subarray(0, this.#size);
    this.#buffer = Buffer.alloc(0);
    this.#size = 0;
    return taken;
  }
}
