import { ByteMatcher, type BytePattern } from "./byte-matcher.ts";

/** A matcher that is being built, and of how many levels it is the next one. */
interface Building {
  steps: Generator<undefined, ByteMatcher>;
  patterns: BytePattern[];
}

/**
 * Matchers of patterns that come one by one, the oldest first. Each is at least twice as large as the next, so that a
 * value is built into few of them in its time, and a list of a thousand Secrets does not build all a thousand times.
 */
export class MatcherLevels {
  /** Patterns that are in no matcher yet, and those of each matcher. */
  #fresh: BytePattern[] = [];
  readonly #levels: BytePattern[][] = [];
  #matchers: readonly ByteMatcher[] = [];
  #building: Building | undefined;

  add(pattern: BytePattern): void {
    this.#fresh.push(pattern);
  }

  /** Of all patterns; the same array as long as none is added. */
  matchers(): readonly ByteMatcher[] {
    while (this.advance());
    return this.#matchers;
  }

  /** One step towards the matchers of all patterns; false where nothing is left to be done. */
  advance(): boolean {
    if (this.#building === undefined && this.#fresh.length === 0) return false;
    this.#building ??= this.#begin();
    const { steps, patterns } = this.#building;
    const { done, value } = steps.next();
    if (done !== true) return true;
    this.#building = undefined;
    this.#matchers = [...this.#matchers.slice(0, this.#levels.length), value];
    this.#levels.push(patterns);
    return this.#fresh.length > 0;
  }

  #begin(): Building {
    let patterns = this.#fresh;
    this.#fresh = [];
    for (let last = this.#levels.at(-1); last !== undefined; last = this.#levels.at(-1)) {
      if (last.length >= 2 * patterns.length) break;
      patterns = [...last, ...patterns];
      this.#levels.pop();
    }
    return { steps: ByteMatcher.building(patterns), patterns };
  }
}
