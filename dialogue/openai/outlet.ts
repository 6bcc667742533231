/** Something that waits for its turn, and perhaps for a decision. */
export interface Held {
  /** Bytes that are kept for it. */
  size: number;
  /** Whether it can go out now. */
  ready(): boolean;
  /** Whether only a decision is missing; else more of the reply is. */
  whole(): boolean;
  /** What goes out in its place. Called once, in order: what stood before it has gone out. */
  render(): Uint8Array;
}

/** What goes to the client, in order, behind what waits for a decision. */
export class Outlet {
  readonly #queue: Held[] = [];
  /** Where in the queue the first that waits is. */
  #next = 0;
  readonly #now: Uint8Array[] = [];
  #held = 0;

  /** In its turn. */
  pass(bytes: Uint8Array): void {
    this.hold({ size: bytes.length, ready: () => true, whole: () => true, render: () => bytes });
  }

  /** Before everything that waits for a decision. */
  passNow(bytes: Uint8Array): void {
    this.#release();
    this.#now.push(bytes);
  }

  hold(held: Held): void {
    this.#queue.push(held);
    this.#held += held.size;
  }

  /** Everything that can go out now, joined; undefined where there is nothing. */
  take(): Uint8Array | undefined {
    this.#release();
    const parts = this.#now.splice(0).filter((part) => part.length > 0);
    return parts.length < 2 ? parts[0] : Buffer.concat(parts);
  }

  #release(): void {
    for (let held = this.#queue[this.#next]; held?.ready() === true; held = this.#queue[this.#next]) {
      this.#next++;
      this.#held -= held.size;
      this.#now.push(held.render());
    }
    if (this.#next === this.#queue.length || this.#next > 1024) {
      this.#queue.splice(0, this.#next);
      this.#next = 0;
    }
  }

  get waiting(): boolean {
    return this.#next < this.#queue.length;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** Whether what is first in turn lacks nothing but a decision: the provider can bring nothing that helps. */
  get undecided(): boolean {
    return this.#queue[this.#next]?.whole() ?? false;
  }
}
