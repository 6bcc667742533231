const NONE = new Uint8Array(0);

/** Bytes that came in several chunks and are not whole yet, in one block that grows: chunks may be a byte each. */
export class PendingBytes {
  #block = NONE;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const length = this.#length + bytes.length;
    if (length > this.#block.length) {
      const grown = new Uint8Array(Math.max(length, Math.min(this.#block.length * 2, length + 4_194_304), 256));
      grown.set(this.#block.subarray(0, this.#length));
      this.#block = grown;
    }
    this.#block.set(bytes, this.#length);
    this.#length = length;
  }

  /** Everything so far with `rest` behind it, and begins anew; `rest` itself where there was nothing. */
  take(rest: Uint8Array): Uint8Array {
    if (this.#length === 0) return rest;
    this.append(rest);
    const taken = this.#block.slice(0, this.#length);
    // A large block is for one event; a small one serves all of them.
    if (this.#block.length > 8_192) this.#block = NONE;
    this.#length = 0;
    return taken;
  }
}
