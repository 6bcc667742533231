import { rmSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";

/** Where file() reads a path as a pattern, or as one in an archive. */
const PATTERN = /[*?{}]|::/;

/**
 * Batches on their way into an embedded store, each a file until it is inserted: chDB reads rows from a file at 16 µs of
 * CPU an event, and at 26 where they are the text of its INSERT, over which it goes byte by byte [26.7]. A process that
 * ends leaves its files; the spool has what is in them.
 */
export class BatchFiles {
  readonly #folder: string;
  #next = 0;

  constructor(store: string) {
    this.#folder = resolve(store, "batches");
  }

  /** Removes what another process left. Only while nobody else has the store. */
  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /**
   * The path of a file that holds `rows`; undefined where it cannot be had: on a full disk what is stored of them, a
   * tenth, may have room yet.
   */
  async write(rows: Buffer): Promise<string | undefined> {
    if (PATTERN.test(this.#folder)) return undefined;
    const path = resolve(this.#folder, `${this.#next++}.json`);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(path, rows, { mode: 0o600 });
      return path;
    } catch {
      await this.remove(path);
      return undefined;
    }
  }

  /** Never throws: what is left is removed with the next start. */
  async remove(path: string): Promise<void> {
    await rm(path, { force: true }).catch(() => {});
  }
}
