import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { Endpoint, type TargetConfig, Undelivered } from "./endpoint.ts";
import { isUrgent, type NotificationEvent } from "./event.ts";

export interface TargetDeps {
  log: Log;
  clock: Clock;
  /** Waits before the second try, the third and so on, in milliseconds; as many tries as waits and one. */
  backoffMs?: readonly number[];
  /** For one try, in milliseconds. */
  deadlineMs?: number;
  /** How many news may wait. */
  queue?: number;
}

const BACKOFF_MS = [1_000, 5_000, 30_000, 120_000, 600_000];
const DEADLINE_MS = 10_000;
const QUEUE = 200;
/** What is on its way when the gateway ends gets so long. */
const GRACE_MS = 2_000;

/**
 * One place that is told, in order. What cannot be delivered is tried again, later and later, and given up with a word in
 * the log; a queue that is full gives up its oldest, and what is urgent last.
 */
export class Target {
  readonly #name: string;
  readonly #endpoint: Endpoint;
  readonly #deps: TargetDeps;
  readonly #queue: NotificationEvent[] = [];
  readonly #closed = new AbortController();
  #sending: Promise<void> | undefined;
  #givenUp = 0;

  /** Throws a UserError where a file cannot be read, or the URL or the secret in it is none. */
  constructor(config: TargetConfig, deps: TargetDeps) {
    this.#name = config.name;
    this.#deps = deps;
    this.#endpoint = new Endpoint(config, { clock: deps.clock, deadlineMs: deps.deadlineMs ?? DEADLINE_MS });
  }

  /** News that were given up, since they could not be delivered or were too many. */
  get givenUp(): number {
    return this.#givenUp;
  }

  add(event: NotificationEvent): void {
    if (this.#closed.signal.aborted) return;
    this.#queue.push(event);
    if (this.#queue.length > (this.#deps.queue ?? QUEUE)) {
      const oldest = this.#queue.findIndex((waiting) => !isUrgent(waiting));
      const [out] = this.#queue.splice(Math.max(0, oldest), 1);
      if (out !== undefined) this.#giveUp(out, "too many wait");
    }
    this.#sending ??= this.#send();
  }

  /** Gives up what waits. */
  async close(): Promise<void> {
    this.#queue.splice(0);
    this.#closed.abort();
    const late = new Promise<void>((resolve) => setTimeout(resolve, GRACE_MS).unref());
    await Promise.race([this.#sending, late]);
    await this.#endpoint.close();
    await this.#sending;
  }

  async #send(): Promise<void> {
    // Not in the call that told us: what it does must not wait for us, nor fail by us.
    await Promise.resolve();
    for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) await this.#deliver(event);
    this.#sending = undefined;
  }

  async #deliver(event: NotificationEvent): Promise<void> {
    const waits = this.#deps.backoffMs ?? BACKOFF_MS;
    for (let tries = 0; ; tries++) {
      try {
        await this.#endpoint.post(event);
        return;
      } catch (error) {
        const failed = error instanceof Undelivered ? error : new Undelivered("it failed", false);
        const wait = waits[tries];
        if (!failed.again || wait === undefined || this.#closed.signal.aborted) {
          this.#giveUp(event, failed.message);
          return;
        }
        await this.#pause(wait);
      }
    }
  }

  #giveUp(event: NotificationEvent, why: string): void {
    this.#givenUp += 1;
    this.#deps.log.warn("a notification was given up", { target: this.#name, type: event.type, why });
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#closed;
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      timer.unref();
      if (signal.aborted) done();
      else signal.addEventListener("abort", done);
    });
  }
}
