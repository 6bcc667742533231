/** Words of which the last so many are remembered at least, and at most twice as many: two generations, of which the older one goes whole. */
export class Remembered {
  readonly #generation: number;
  #young = new Set<string>();
  #old = new Set<string>();

  constructor(generation: number) {
    this.#generation = generation;
  }

  /** What is asked for counts as new again. */
  has(word: string): boolean {
    if (this.#young.has(word)) return true;
    if (!this.#old.has(word)) return false;
    this.add(word);
    return true;
  }

  add(word: string): void {
    if (this.#young.size >= this.#generation) {
      this.#old = this.#young;
      this.#young = new Set();
    }
    this.#young.add(word);
  }
}
