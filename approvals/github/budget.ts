import { rfc3339 } from "../../base/clock.ts";
import { Refusal } from "../../base/errors.ts";

/**
 * Uses and revocations go first, since they are what safety and a waiting caller hang on; then holds; comments,
 * labels and what is tidied up last, when there is room.
 */
export type Priority = "use" | "hold" | "comment";

/** docs.github.com, "Rate limits for the REST API": content-generating requests, those by the web among them. */
const LIMITS = { minute: 80, hour: 500 };
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** What is left for others when only comments are waiting. */
const COMMENTS_LEAVE = { minute: 20, hour: 8 };
const COMMENTS_WAIT_MS = 2000;
const MOST_COMMENTS = 1000;

export interface BudgetOptions {
  limits?: { minute: number; hour: number };
  /** Wall time, as GitHub's: a test's clock for approvals stands still. */
  now?: () => number;
}

/**
 * Content creations of this gateway within a sliding minute and hour. Other replicas spend of the same limit, so what
 * GitHub refuses counts as spent here.
 */
export class ContentBudget {
  readonly #limits: { minute: number; hour: number };
  readonly #now: () => number;
  #sent: number[] = [];
  #blockedUntil = 0;
  /** How many creations the approvals that are open may still need. */
  #reserved: () => number = () => 0;
  #waiting = 0;
  readonly #closed = new AbortController();

  constructor({ limits = LIMITS, now = Date.now }: BudgetOptions = {}) {
    this.#limits = limits;
    this.#now = now;
  }

  reserve(needed: () => number): void {
    this.#reserved = needed;
  }

  /** Creations left in this minute and this hour. */
  left(): { minute: number; hour: number } {
    const now = this.#now();
    this.#sent = this.#sent.filter((at) => at > now - HOUR_MS);
    if (now < this.#blockedUntil) return { minute: 0, hour: 0 };
    const minute = this.#sent.filter((at) => at > now - MINUTE_MS).length;
    return { minute: this.#limits.minute - minute, hour: this.#limits.hour - this.#sent.length };
  }

  /**
   * Whether a hold may begin: `now` creations at once and `later` ones, beside those that uses of what is open need.
   * Throws Refusal `approvals-unavailable` with the reason, and when there is room again.
   */
  checkHold(now: number, later: number): void {
    const left = this.left();
    const whole = now + later + this.#reserved();
    if (left.minute < now) throw this.#spent("minute", now);
    if (left.hour < whole) throw this.#spent("hour", whole);
  }

  /** Counts one creation; a comment waits until there is room, anything else is refused where there is none. */
  async take(priority: Priority): Promise<void> {
    if (priority === "comment") await this.#room();
    const left = this.left();
    if (left.minute < 1) throw this.#spent("minute", 1);
    if (left.hour < 1) throw this.#spent("hour", 1);
    this.#sent.push(this.#now());
  }

  /** GitHub said to wait: nothing is sent until then (RFC 3339). */
  block(ms: number): string {
    this.#blockedUntil = Math.max(this.#blockedUntil, this.#now() + ms);
    return rfc3339(this.#blockedUntil);
  }

  /** What still waits for room is given up. */
  close(): void {
    this.#closed.abort();
  }

  async #room(): Promise<void> {
    if (this.#waiting >= MOST_COMMENTS) throw new Refusal("approvals-unavailable", "too many comments are waiting");
    this.#waiting += 1;
    try {
      while (!this.#hasRoom()) await pause(COMMENTS_WAIT_MS, this.#closed.signal);
    } finally {
      this.#waiting -= 1;
    }
  }

  #hasRoom(): boolean {
    const left = this.left();
    if (left.minute > COMMENTS_LEAVE.minute && left.hour > COMMENTS_LEAVE.hour + this.#reserved()) return true;
    if (this.#closed.signal.aborted) throw new Refusal("draining", "the gateway is shutting down");
    return false;
  }

  #spent(which: "minute" | "hour", needed: number): Refusal {
    const span = which === "minute" ? MINUTE_MS : HOUR_MS;
    const now = this.#now();
    const counted = this.#sent.filter((at) => at > now - span);
    const over = Math.max(counted.length + needed - this.#limits[which], 1);
    const free = Math.max((counted[over - 1] ?? now) + span, this.#blockedUntil);
    return new Refusal(
      "approvals-unavailable",
      `no further request can be put before an approver: GitHub lets the gateway create ${this.#limits[which]} things ${which === "minute" ? "a minute" : "an hour"}, and they are spent`,
      { next: `There is room again at ${rfc3339(free)}; run the command again after that.` },
    );
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms).unref();
  signal.addEventListener("abort", () => resolve(), { once: true });
  return promise.finally(() => clearTimeout(timer));
}
