import { rmSync } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { resolve } from "node:path";

const NEWLINE = Buffer.from("\n");
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
   * The path of a file that holds `rows`, a line each; undefined where it cannot be had: on a full disk what is stored of
   * them, a tenth, may have room yet.
   */
  async write(rows: readonly Buffer[]): Promise<string | undefined> {
    if (PATTERN.test(this.#folder)) return undefined;
    const path = resolve(this.#folder, `${this.#next++}.json`);
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await using file = await open(path, "w", 0o600);
      // One after the other into the file, and not first into one buffer of twenty megabytes.
      const parts = rows.flatMap((row) => [row, NEWLINE]);
      const bytes = parts.reduce((sum, part) => sum + part.length, 0);
      const { bytesWritten } = await file.writev(parts);
      if (bytesWritten < bytes) throw new Error("the file system took only part of a batch");
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
