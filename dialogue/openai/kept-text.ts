/** Characters of a reply's words, and of its thinking, that are kept for the record. */
const KEPT = 1_048_576;

/** Words of a reply in order, up to a cap. */
export class KeptText {
  #text = "";
  truncated = false;

  add(text: string): void {
    if (this.truncated) return;
    this.#text += text;
    if (this.#text.length > KEPT) {
      this.#text = this.#text.slice(0, KEPT);
      this.truncated = true;
    }
  }

  toString(): string {
    return this.#text;
  }
}
