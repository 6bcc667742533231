/** Puts buffers that lie beside each other in memory together again, so that what was cut and not changed is not copied. */
export class Joined {
  readonly #parts: Buffer[] = [];
  #last: Buffer | undefined;
  #end = 0;

  add(bytes: Buffer): void {
    const last = this.#last;
    if (last !== undefined && last.buffer === bytes.buffer && this.#end === bytes.byteOffset) {
      this.#end += bytes.length;
      return;
    }
    this.#close();
    this.#last = bytes;
    this.#end = bytes.byteOffset + bytes.length;
  }

  /** All of it, in order; nothing is left. */
  take(): Buffer[] {
    this.#close();
    this.#last = undefined;
    return this.#parts.splice(0);
  }

  #close(): void {
    const last = this.#last;
    if (last === undefined) return;
    const length = this.#end - last.byteOffset;
    this.#parts.push(length === last.length ? last : Buffer.from(last.buffer, last.byteOffset, length));
  }
}
