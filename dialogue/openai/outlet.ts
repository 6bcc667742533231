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

/** In the order in which they came; those that went out stand before `next` until there are many. */
class Queue {
  readonly #held: Held[] = [];
  #next = 0;

  push(held: Held): void {
    this.#held.push(held);
  }

  get first(): Held | undefined {
    return this.#held[this.#next];
  }

  shift(): void {
    this.#next++;
    if (this.#next < 1024) return;
    this.#held.splice(0, this.#next);
    this.#next = 0;
  }
}

/** A queue for each lane, whose order among each other nobody minds; or one for all of them. */
type Stretch = { lanes: Map<number, Queue> } | { all: Queue };

/**
 * What goes to the client, in order, behind what waits for a decision. Where a reply has several choices each of them is
 * a lane: a call of one, once it is decided, goes out whole, whatever the others wait for.
 */
export class Outlet {
  readonly #stretches: Stretch[] = [];
  readonly #now: Uint8Array[] = [];
  #held = 0;

  /** In its turn. */
  pass(bytes: Uint8Array, lane?: number): void {
    this.hold({ size: bytes.length, ready: () => true, whole: () => true, render: () => bytes }, lane);
  }

  /** Before everything that waits for a decision. */
  passNow(bytes: Uint8Array): void {
    this.#release();
    this.#now.push(bytes);
  }

  /** In its turn in a lane, or behind everything, and before all that comes later. */
  hold(held: Held, lane?: number): void {
    this.#held += held.size;
    const last = this.#stretches.at(-1);
    if (lane === undefined) {
      if (last !== undefined && "all" in last) last.all.push(held);
      else this.#stretches.push({ all: queueOf(held) });
    } else if (last === undefined || "all" in last) {
      this.#stretches.push({ lanes: new Map([[lane, queueOf(held)]]) });
    } else {
      const queue = last.lanes.get(lane);
      if (queue === undefined) last.lanes.set(lane, queueOf(held));
      else queue.push(held);
    }
  }

  /** Everything that can go out now, joined; undefined where there is nothing. */
  take(): Uint8Array | undefined {
    this.#release();
    const parts = this.#now.splice(0).filter((part) => part.length > 0);
    return parts.length < 2 ? parts[0] : Buffer.concat(parts);
  }

  #release(): void {
    for (let first = this.#stretches[0]; first !== undefined; first = this.#stretches[0]) {
      for (const queue of queuesOf(first)) {
        for (let held = queue.first; held?.ready() === true; held = queue.first) {
          queue.shift();
          this.#held -= held.size;
          this.#now.push(held.render());
        }
      }
      if (queuesOf(first).some((queue) => queue.first !== undefined)) return;
      this.#stretches.shift();
    }
  }

  get waiting(): boolean {
    return this.#stretches.length > 0;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** Whether what is first in turn lacks nothing but a decision: the provider can bring nothing that helps. */
  get undecided(): boolean {
    const [first] = this.#stretches;
    return first !== undefined && queuesOf(first).every((queue) => queue.first?.whole() ?? true);
  }
}

function queueOf(held: Held): Queue {
  const queue = new Queue();
  queue.push(held);
  return queue;
}

function queuesOf(stretch: Stretch): Queue[] {
  return "all" in stretch ? [stretch.all] : [...stretch.lanes.values()];
}
