/**
 * One writer an object at a time, for the writes that can carry no precondition: a server-side apply or PUT of
 * an object that does not exist yet ignores resourceVersion (design §2). Within one gateway; SECURITY.md says
 * what is left between several.
 */
export class ObjectLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits for the object's turn; the returned function gives it up, and may be called more than once. */
  async acquire(key: string): Promise<() => void> {
    const before = this.#tails.get(key);
    let release = (): void => {};
    const mine = new Promise<void>((resolve) => {
      release = resolve;
    });
    const tail = before === undefined ? mine : before.then(() => mine);
    this.#tails.set(key, tail);
    if (before !== undefined) await before;
    return () => {
      release();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
  }
}
