import { setImmediate as nextLoop } from "node:timers";
import { inRealTime, type VirtualTime } from "./virtual-time.ts";

/** Something that waits for its turn: one call between a gateway and what lies outside it. */
interface Parked {
  label: string;
  go: () => void;
}

/** A process that may be killed: from then on nothing that it has begun goes on. */
export interface Process {
  readonly name: string;
  dead: boolean;
}

const never = <T>(): Promise<T> => new Promise<T>(() => {});

/**
 * Decides the order in which what runs at once goes on. Each call of a gateway to its repository, its upstream or its
 * disk waits here before it takes effect, and once more before the gateway learns what came of it; between two turns
 * everything runs until it waits again. So the order of the turns is the whole interleaving, and a crash can fall
 * between any effect and its answer.
 */
export class Turns {
  readonly #parked: Parked[] = [];
  readonly #time: VirtualTime;
  readonly #running = new Set<Promise<unknown>>();
  /** What took its turn, in order: the story of a failure. */
  readonly log: string[] = [];

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get waiting(): number {
    return this.#parked.length;
  }

  /** Runs a call in two turns: its effect, and its answer. A dead process does nothing, and learns nothing. */
  async call<T>(process: Process, label: string, effect: () => Promise<T> | T, answered = true): Promise<T> {
    await this.#turn(`${process.name}: ${label}`);
    if (process.dead) return never();
    const running = this.outside(() => effect());
    await running.catch(() => undefined);
    if (answered) await this.#turn(`${process.name}: ${label}, answered`);
    if (process.dead) return never();
    return running;
  }

  /** Runs what takes no turn, since nobody can tell when it happened; until it is done nobody else has a turn. */
  async outside<T>(effect: () => Promise<T> | T): Promise<T> {
    const running = Promise.resolve().then(() => inRealTime(effect));
    const settled = running.then(
      () => {},
      () => {},
    );
    this.#running.add(settled);
    await settled;
    this.#running.delete(settled);
    return running;
  }

  #turn(label: string): Promise<void> {
    return new Promise((go) => {
      this.#parked.push({ label, go });
    });
  }

  /** Lets one of those that wait go on, and resolves when everything waits again. False: nobody waits. */
  async step(pick: number): Promise<boolean> {
    await this.quiet();
    if (this.#parked.length === 0) return false;
    const [one] = this.#parked.splice(pick % this.#parked.length, 1);
    if (one !== undefined) {
      this.log.push(`    ${one.label}`);
      one.go();
    }
    await this.quiet();
    return true;
  }

  /** Resolves when nothing goes on by itself any more, now: libraries let a timer of no time put their work in order. */
  async quiet(): Promise<void> {
    for (let idle = 0; idle < 2; idle++) {
      while (this.#running.size > 0) {
        await Promise.all(this.#running);
        idle = 0;
      }
      await new Promise<void>((resolve) => nextLoop(() => resolve()));
      if (this.#time.runDue()) idle = 0;
    }
  }
}
