import type { Authenticated } from "./types.ts";

/** What was found out about a token, for as long as it holds. */
export interface VerifiedEntry {
  authenticated: Authenticated;
  /** Whether the keys that verified it are still trusted: synchronous and cheap. */
  trusted(): boolean;
  /** Its session's id and what else would end it. */
  endedBy: readonly string[];
}

/** 4,096 tokens of some 1.5 KB: 6 MB at most. */
const MAX_ENTRIES = 4096;

/** The least recently used of the verified tokens are forgotten first; a Map keeps its keys in order of insertion. */
export class VerifiedTokens {
  readonly #entries = new Map<string, VerifiedEntry>();

  get(token: string): VerifiedEntry | undefined {
    const entry = this.#entries.get(token);
    if (entry === undefined) return undefined;
    this.#entries.delete(token);
    this.#entries.set(token, entry);
    return entry;
  }

  set(token: string, entry: VerifiedEntry): void {
    if (this.#entries.size >= MAX_ENTRIES) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(token, entry);
  }

  delete(token: string): void {
    this.#entries.delete(token);
  }
}
