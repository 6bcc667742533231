import { ByteMatcher, type BytePattern } from "./byte-matcher.ts";

/**
 * Matchers of patterns that come one by one, the oldest first. Each is at least twice as large as the next, so that a
 * value is built into few of them in its time, and a list of a thousand Secrets does not build all a thousand times.
 */
export class MatcherLevels {
  /** Patterns that are in no matcher yet, and those of each matcher. */
  #fresh: BytePattern[] = [];
  readonly #levels: BytePattern[][] = [];
  #matchers: readonly ByteMatcher[] = [];

  add(pattern: BytePattern): void {
    this.#fresh.push(pattern);
  }

  /** Of all patterns; the same array as long as none is added. */
  matchers(): readonly ByteMatcher[] {
    if (this.#fresh.length === 0) return this.#matchers;
    let patterns = this.#fresh;
    this.#fresh = [];
    for (let last = this.#levels.at(-1); last !== undefined; last = this.#levels.at(-1)) {
      if (last.length >= 2 * patterns.length) break;
      patterns = [...last, ...patterns];
      this.#levels.pop();
    }
    this.#matchers = [...this.#matchers.slice(0, this.#levels.length), new ByteMatcher(patterns)];
    this.#levels.push(patterns);
    return this.#matchers;
  }
}
