/** GitHub's limits (docs: "Rate limits for the REST API"), each mutable while the double runs; Infinity: none. */
export interface Limits {
  /** Requests that create content, in a minute and an hour: 80 and 500. */
  perMinute: number;
  perHour: number;
  /** Requests of any kind, in an hour: 5,000 of a person, as much of an installation. */
  primary: number;
  /** Points in a minute, 1 for a GET and 5 for any other: 900. */
  points: number;
}

export interface Refused {
  status: number;
  message: string;
  headers: Record<string, string>;
}

const MINUTE = 60_000;
const HOUR = 3_600_000;

class Spent {
  primary: { since: number; used: number } = { since: 0, used: 0 };
  /** When content was created, oldest first. */
  mutations: number[] = [];
  points: { at: number; points: number }[] = [];
}

/** How often each account asked, in the double's own time. */
export class RateLimits {
  readonly limits: Limits;
  readonly #now: () => number;
  readonly #spent = new Map<string, Spent>();

  constructor(limits: Limits, now: () => number) {
    this.limits = limits;
    this.#now = now;
  }

  #of(account: string): Spent {
    const spent = this.#spent.get(account) ?? new Spent();
    this.#spent.set(account, spent);
    if (this.#now() - spent.primary.since >= HOUR) spent.primary = { since: this.#now(), used: 0 };
    return spent;
  }

  headers(account: string): Record<string, string> {
    const { primary } = this.#of(account);
    const limit = Number.isFinite(this.limits.primary) ? this.limits.primary : 1_000_000;
    return {
      "x-ratelimit-limit": String(limit),
      "x-ratelimit-remaining": String(Math.max(0, limit - primary.used)),
      "x-ratelimit-used": String(primary.used),
      "x-ratelimit-reset": String(Math.ceil((primary.since + HOUR) / 1000)),
      "x-ratelimit-resource": "core",
    };
  }

  /** Why a request may not be made now; what it spends is counted by `spend`. */
  refusal(account: string, creates: boolean): Refused | undefined {
    const now = this.#now();
    const spent = this.#of(account);
    if (spent.primary.used >= this.limits.primary) {
      return { status: 403, message: `API rate limit exceeded for ${account}.`, headers: {} };
    }
    spent.mutations = spent.mutations.filter((at) => now - at < HOUR);
    spent.points = spent.points.filter(({ at }) => now - at < MINUTE);
    const minute = spent.mutations.filter((at) => now - at < MINUTE);
    const [oldest] = spent.mutations;
    const [first] = minute;
    let free: number | undefined;
    if (creates && spent.mutations.length >= this.limits.perHour) free = (oldest ?? now) + HOUR;
    else if (creates && minute.length >= this.limits.perMinute) free = (first ?? now) + MINUTE;
    else if (spent.points.reduce((sum, { points }) => sum + points, 0) + (creates ? 5 : 1) > this.limits.points) {
      free = now + MINUTE;
    }
    if (free === undefined) return undefined;
    return {
      status: 403,
      message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
      headers: { "retry-after": String(Math.max(1, Math.ceil((free - now) / 1000))) },
    };
  }

  spend(account: string, creates: boolean): void {
    const spent = this.#of(account);
    spent.primary.used += 1;
    if (creates) spent.mutations.push(this.#now());
    if (Number.isFinite(this.limits.points)) spent.points.push({ at: this.#now(), points: creates ? 5 : 1 });
  }
}
