const NOTHING = new Uint8Array(0);

/**
 * The bytes of one direction, chunk by chunk. What is asked for whole (`next`) is a view into the chunk, or a
 * copy where it began in an earlier one; only such beginnings are kept.
 */
export class ByteInput {
  private chunk: Uint8Array = NOTHING;
  private offset = 0;
  private beginning: Uint8Array = NOTHING;
  private begun = 0;
  private asked = 0;

  /** Bytes that are kept for the next chunk. */
  get held(): number {
    return this.begun;
  }

  /** To be called once what was fed before has been read up. */
  feed(chunk: Uint8Array): void {
    this.chunk = chunk;
    this.offset = 0;
  }

  get exhausted(): boolean {
    return this.offset === this.chunk.length;
  }

  /**
   * The next `count` bytes, not consumed; undefined where they are not all there, and then the chunk is read up.
   * A frame is asked for from its shortest beginning on, with each chunk anew, and consumed whole.
   */
  next(count: number): Uint8Array | undefined {
    this.asked = count;
    if (this.begun >= count) return this.beginning.subarray(0, count);
    if (this.begun === 0) {
      const end = this.offset + count;
      if (end <= this.chunk.length) return this.chunk.subarray(this.offset, end);
    }
    if (this.beginning.length < count) {
      const larger = new Uint8Array(count);
      larger.set(this.beginning.subarray(0, this.begun));
      this.beginning = larger;
    }
    const part = this.chunk.subarray(this.offset, this.offset + count - this.begun);
    this.beginning.set(part, this.begun);
    this.begun += part.length;
    this.offset += part.length;
    return this.begun === count ? this.beginning.subarray(0, count) : undefined;
  }

  /** Consumes what `next` gave. */
  consume(): void {
    if (this.begun === 0) this.offset += this.asked;
    this.beginning = NOTHING;
    this.begun = 0;
  }

  /** Consumes what the chunk still has, up to `most` bytes. Never right after a `next` that was not consumed. */
  slice(most: number): Uint8Array {
    const part = this.chunk.subarray(this.offset, this.offset + most);
    this.offset += part.length;
    return part;
  }
}
