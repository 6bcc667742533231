import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../../../base/clock.ts";

const real = { setTimeout, clearTimeout, setInterval, clearInterval };
const timeout = AbortSignal.timeout;
const wall = performance.now;
const { random } = Math;
const outside = new AsyncLocalStorage<true>();

/** Runs what goes by the clock on the wall: a program that is waited for, a socket. */
export function inRealTime<T>(work: () => T): T {
  return outside.run(true, work);
}

/** As much of a NodeJS.Timeout as is used. */
class Timer {
  at: number;
  readonly work: () => void;
  readonly every: number | undefined;
  constructor(at: number, work: () => void, every?: number) {
    this.at = at;
    this.work = work;
    this.every = every;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return false;
  }
}

/**
 * Time that passes only when it is told to. The timers of the platform follow it: what a hold waits, how long a home may
 * take, how often it looks, when it sweeps. However much passes at once, what comes at intervals comes once.
 */
export class VirtualTime implements Clock {
  #now = Date.UTC(2026, 10, 22, 10);
  readonly #timers = new Set<Timer>();

  constructor() {
    const clear = (timer: unknown): void => {
      if (timer instanceof Timer) this.#timers.delete(timer);
      else real.clearTimeout(timer as NodeJS.Timeout);
    };
    const start =
      (kind: "setTimeout" | "setInterval") =>
      (work: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): unknown => {
        if (outside.getStore() === true) return real[kind](work, ms, ...args);
        return this.#add(
          new Timer(this.#now + (ms > 1 ? ms : 0), () => work(...args), kind === "setInterval" ? ms : undefined),
        );
      };
    const virtual = {
      setTimeout: start("setTimeout"),
      setInterval: start("setInterval"),
      clearTimeout: clear,
      clearInterval: clear,
    };
    Object.assign(globalThis, virtual);
    // How busy the machine is, and chance, make no other sequence of it: the same one goes the same way again.
    const started = this.#now;
    performance.now = () => (outside.getStore() === true ? wall.call(performance) : this.#now - started);
    let seed = 1;
    Math.random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    AbortSignal.timeout = (ms) => {
      if (outside.getStore() === true) return timeout.call(AbortSignal, ms);
      const late = new AbortController();
      const abort = (): void =>
        late.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
      this.#add(new Timer(this.#now + ms, abort));
      return late.signal;
    };
  }

  #add(timer: Timer): Timer {
    this.#timers.add(timer);
    return timer;
  }

  now(): number {
    return this.#now;
  }

  pass(ms: number): void {
    this.#now += ms;
    this.runDue();
  }

  /** Runs what is due now; false: nothing was. */
  runDue(): boolean {
    const due = [...this.#timers].filter(({ at }) => at <= this.#now).sort((a, b) => a.at - b.at);
    for (const timer of due) {
      if (!this.#timers.has(timer)) continue;
      if (timer.every === undefined) this.#timers.delete(timer);
      else timer.at = this.#now + timer.every;
      timer.work();
    }
    return due.length > 0;
  }

  end(): void {
    Object.assign(globalThis, real);
    performance.now = wall;
    Math.random = random;
    AbortSignal.timeout = timeout;
  }
}
