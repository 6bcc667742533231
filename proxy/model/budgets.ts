import { canonicalJson } from "../../base/canonical-json.ts";
import { type Clock, rfc3339 } from "../../base/clock.ts";
import type { BudgetLimit, BudgetsConfig, Price } from "../../base/config/budgets.ts";
import { windowMs } from "../../base/config/budgets.ts";
import { hmac } from "../../base/digest.ts";
import { errorMessage, Refusal } from "../../base/errors.ts";
import { globsSelect } from "../../base/globs.ts";
import type { Log } from "../../base/log.ts";
import { type Amount, BudgetCounter } from "./budgets-counter.ts";
import { BudgetsFile } from "./budgets-file.ts";
import { BudgetsMetrics } from "./budgets-metrics.ts";
import { costOf, type Tokens, totalOf } from "./budgets-tokens.ts";

/** Who asks for a reply, and through which connection. */
export interface Spender {
  session: string;
  identity: { issuer: string; username: string; groups: readonly string[] };
  connection: string;
}

/** A reply that is under way, and what it may come to. */
export interface Reservation {
  readonly bound: Tokens;
  /** What it came to, by which model; undefined where the provider did not take it. The first time counts. */
  settle(spent: { tokens: Tokens; model: string } | undefined): { tokens: number; cost?: number } | undefined;
}

interface BudgetsDeps {
  /** Where what was spent outlasts a restart: a folder beside the spool. */
  folder: string;
  hmacKey: Uint8Array;
  /** How long a session lasts at most. */
  sessionMs: number;
  clock: Clock;
  log: Log;
}

/** Sessions come and go: those that no request can be of any more are forgotten. */
const COUNTERS = 10_000;
/** A window counts for a sixtieth longer. */
const WHOLE = 61 / 60;
const WHAT = ["calls", "tokens", "cost"] as const;

/**
 * What sessions and identities may ask of model providers, by `budgets` of the configuration. Counted by this gateway
 * alone: of n replicas each lets a whole budget through.
 *
 * A request is refused once what was spent, with what the replies that are open may come to, reaches a limit: what runs at
 * once passes it by one request's reply at most. A reply that passes it while it is open comes to its end: it is paid for
 * already, and a cut one would leave the agent with half a step.
 */
export class Budgets {
  readonly metrics = new BudgetsMetrics();
  readonly #limits: readonly BudgetLimit[];
  readonly #prices: readonly [glob: string, price: Price][];
  readonly #counters: Map<string, BudgetCounter>[];
  readonly #deps: BudgetsDeps;
  /** By limit: at how many counters the old ones are forgotten. */
  readonly #crowded: number[] = [];
  readonly #file: BudgetsFile | undefined;

  /** Throws where there are limits, and what was spent cannot be read or written. */
  constructor({ limits, prices }: BudgetsConfig, deps: BudgetsDeps) {
    this.#limits = limits;
    this.#prices = Object.entries(prices);
    this.#deps = deps;
    this.#counters = limits.map(() => new Map());
    if (limits.length === 0) return;
    const keepMs = Math.max(deps.sessionMs, ...limits.map(({ window = "24h" }) => windowMs(window) * WHOLE));
    this.#file = new BudgetsFile(deps.folder, { keepMs, log: deps.log });
    this.#file.read(deps.clock.now(), (opened, settled = opened) => {
      if ("none" in settled) return;
      const { tokens, cost = 0 } = settled;
      for (const counter of this.#countersOf(opened)) counter.spend({ tokens, cost, calls: 1 }, opened.at);
    });
  }

  /**
   * Room for one reply. `models`: the one that is asked, first, and others that the provider may use for it. Throws Refusal
   * `budget-spent`, `price-unknown`, or `recorder-unavailable` where what is spent cannot be written down.
   */
  reserve(id: string, spender: Spender, { models, bound }: { models: readonly string[]; bound: Tokens }): Reservation {
    const { clock, log, hmacKey } = this.#deps;
    const now = clock.now();
    const { session, connection, identity } = spender;
    const key = hmac(hmacKey, "budget", canonicalJson([identity.issuer, identity.username])).slice(0, 32);
    const at = { session, connection, identity: key };
    const distinct = [...new Set(models)];
    this.#check(spender, at, distinct, now);

    let cost: number | undefined;
    for (const model of distinct) cost = dearer(cost, this.#cost(bound, model));
    const amount: Amount = { tokens: totalOf(bound), cost: cost ?? 0, calls: 1 };
    this.#write({ id, at: now, ...at, tokens: amount.tokens, ...(cost === undefined ? {} : { cost }) }, now);
    const counters = this.#countersOf(at);
    const close = counters.map((counter) => counter.open(amount));
    let result: ReturnType<Reservation["settle"]>;
    let over = false;
    return {
      bound,
      settle: (spent) => {
        if (over) return result;
        over = true;
        for (const end of close) end();
        const whole = spent && {
          tokens: totalOf(spent.tokens),
          cost: this.#cost(spent.tokens, spent.model, models[0]),
        };
        if (spent !== undefined && whole !== undefined) {
          this.metrics.count(connection, spent.model, spent.tokens);
          for (const counter of counters) counter.spend({ ...whole, cost: whole.cost ?? 0, calls: 1 }, now);
          result = { tokens: whole.tokens, ...(whole.cost === undefined ? {} : { cost: whole.cost }) };
        }
        try {
          this.#write({ id, ...(result ?? { none: true }) }, clock.now());
        } catch (error) {
          // After a restart it counts with all that it might have come to.
          log.error("what a reply came to is remembered in memory only", { exchange: id, error: errorMessage(error) });
        }
        return result;
      },
    };
  }

  close(): void {
    this.#file?.close();
  }

  #check(spender: Spender, at: SpentAt, models: readonly string[], now: number): void {
    for (const [i, limit] of this.#limits.entries()) {
      if (!selects(limit, spender)) continue;
      if (limit.cost !== undefined) this.#checkPrices(models, spender.connection);
      const counter = this.#counters[i]?.get(keyOf(limit, at));
      if (counter === undefined) continue;
      for (const what of WHAT) {
        const most = limit[what];
        if (most !== undefined) check(counter, { what, most, limit }, now);
      }
    }
  }

  /** What nobody can tell the cost of is not asked where costs are limited. */
  #checkPrices(models: readonly string[], connection: string): void {
    const unknown = models.find((model) => this.#price(model) === undefined);
    if (unknown === undefined) return;
    throw new Refusal(
      "price-unknown",
      `costs are limited on ${connection}, and the gateway has no price for ${JSON.stringify(unknown.slice(0, 100))}`,
      { next: "Ask for a model that has one, or ask the operator of the gateway to name it in budgets.prices." },
    );
  }

  #countersOf(at: SpentAt): BudgetCounter[] {
    return this.#limits.flatMap((limit, i) => {
      // Of everybody whom it may match one day: groups are not kept, and come and go.
      if (!globsSelect(limit.match.connections, [at.connection])) return [];
      const counters = this.#counters[i] as Map<string, BudgetCounter>;
      const key = keyOf(limit, at);
      let counter = counters.get(key);
      if (counter === undefined) {
        if (counters.size >= (this.#crowded[i] ?? COUNTERS)) this.#forgetOld(counters, i);
        counter = new BudgetCounter(limit.per === "session" ? undefined : windowMs(limit.window ?? "24h"));
        counters.set(key, counter);
      }
      return [counter];
    });
  }

  #forgetOld(counters: Map<string, BudgetCounter>, i: number): void {
    const now = this.#deps.clock.now();
    const { window } = this.#limits[i] ?? {};
    const keepMs = this.#limits[i]?.per === "session" ? this.#deps.sessionMs : windowMs(window ?? "24h") * WHOLE;
    for (const [key, counter] of counters) {
      if (counter.at(now).opened === 0 && counter.lastAt < now - keepMs) counters.delete(key);
    }
    // Looked through again only once there are twice as many.
    this.#crowded[i] = Math.max(COUNTERS, counters.size * 2);
  }

  #write(entry: Parameters<BudgetsFile["write"]>[0], now: number): void {
    try {
      this.#file?.write(entry, now);
    } catch (cause) {
      throw new Refusal("recorder-unavailable", "what this request spends of its budget cannot be written down", {
        next: "Nothing was forwarded. Tell the operator of the gateway.",
        cause,
      });
    }
  }

  #price(model: string): Price | undefined {
    return this.#prices.find(([glob]) => globsSelect([glob], [model]))?.[1];
  }

  /** By the first of these models that has a price. */
  #cost(tokens: Tokens, ...models: (string | undefined)[]): number | undefined {
    for (const model of models) {
      const price = model === undefined ? undefined : this.#price(model);
      if (price !== undefined) return costOf(tokens, price);
    }
    return undefined;
  }
}

const dearer = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);

/** What a counter is found by; `identity` is an HMAC. */
interface SpentAt {
  session: string;
  identity: string;
  connection: string;
}

function keyOf({ per }: BudgetLimit, at: SpentAt): string {
  return per === "session" ? at.session : at.identity;
}

function selects({ match }: BudgetLimit, { identity, connection }: Spender): boolean {
  return (
    globsSelect(match.users, [identity.username]) &&
    globsSelect(match.groups, identity.groups) &&
    globsSelect(match.connections, [connection])
  );
}

interface Checked {
  what: keyof Amount;
  most: number;
  limit: BudgetLimit;
}

function check(counter: BudgetCounter, { what, most, limit }: Checked, now: number): void {
  const { spent, open, opened } = counter.at(now);
  if (spent[what] + open[what] < most) return;
  const whose = limit.per === "session" ? "this session" : `${limit.window ?? "24h"} of this identity`;
  if (spent[what] < most) {
    throw new Refusal(
      "budget-spent",
      `what is left of the budget of ${whose}, ${shown(spent[what])} of ${shown(most)} ${what} being spent, is kept for ${opened} replies that are still open`,
      { next: "Ask again when they have come to their end." },
    );
  }
  const room = counter.roomAt(what, most, now);
  const next =
    room === undefined
      ? "Stop here, and tell the person that you work for: the operator of the gateway can raise it."
      : `There is room again at ${rfc3339(room)}; the operator of the gateway can raise it before.`;
  throw new Refusal(
    "budget-spent",
    `the budget of ${whose} is spent: ${shown(spent[what])} of ${shown(most)} ${what}`,
    {
      next,
    },
  );
}

function shown(amount: number): string {
  return String(Math.round(amount * 10_000) / 10_000);
}
