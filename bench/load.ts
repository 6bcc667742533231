import { readFileSync } from "node:fs";
import { type Dispatcher, Pool } from "undici";

export interface Target {
  name: string;
  origin: string;
  caFile?: string;
  path: string;
  method?: Dispatcher.HttpMethod;
  headers?: Record<string, string>;
  /** A body for each request, by its number. */
  body?: (n: number) => string;
}

export interface Measured {
  requests: number;
  failed: number;
  perSecond: number;
  /** Milliseconds. */
  median: number;
  p99: number;
}

/** A client that keeps `concurrency` requests under way, one connection each. */
export class LoadClient {
  readonly target: Target;
  readonly #pool: Pool;
  #sent = 0;
  constructor(target: Target, concurrency: number) {
    this.target = target;
    const tls = target.caFile === undefined ? {} : { connect: { ca: readFileSync(target.caFile, "utf8") } };
    this.#pool = new Pool(target.origin, { connections: concurrency, pipelining: 1, allowH2: false, ...tls });
  }

  /** Requests that were sent with this client, warm-up included. */
  get sent(): number {
    return this.#sent;
  }

  async run(concurrency: number, milliseconds: number): Promise<Measured> {
    const times: number[] = [];
    let failed = 0;
    const start = performance.now();
    const end = start + milliseconds;
    const lane = async (): Promise<void> => {
      while (performance.now() < end) {
        const before = performance.now();
        const ok = await this.#one();
        if (ok) times.push(performance.now() - before);
        else failed++;
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    const seconds = (performance.now() - start) / 1000;
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
    return { requests: times.length, failed, perSecond: times.length / seconds, median: at(0.5), p99: at(0.99) };
  }

  #one(): Promise<boolean> {
    const n = this.#sent++;
    return new Promise((resolve) => {
      let status = 0;
      this.#pool.dispatch(
        {
          path: this.target.path,
          method: this.target.method ?? "GET",
          headers: { accept: "application/json", ...this.target.headers },
          body: this.target.body?.(n) ?? null,
        },
        {
          onRequestStart() {},
          onResponseStart(_controller, code) {
            status = code;
          },
          onResponseData() {},
          onResponseEnd() {
            resolve(status >= 200 && status < 300);
          },
          onResponseError() {
            resolve(false);
          },
        },
      );
    });
  }

  close(): Promise<void> {
    return this.#pool.close();
  }
}

/**
 * Measures several targets side by side: in short turns, one after the other, again and again, so that whatever
 * else the machine does falls on all of them. Each figure is the median of its turns.
 */
export async function sideBySide(
  clients: readonly LoadClient[],
  options: { concurrency: number; turns: number; milliseconds: number },
): Promise<Measured[]> {
  const turns: Measured[][] = clients.map(() => []);
  for (const client of clients) await client.run(options.concurrency, options.milliseconds / 2);
  for (let turn = 0; turn < options.turns; turn++) {
    for (const [i, client] of clients.entries())
      turns[i]?.push(await client.run(options.concurrency, options.milliseconds));
  }
  return turns.map((list) => ({
    requests: list.reduce((sum, one) => sum + one.requests, 0),
    failed: list.reduce((sum, one) => sum + one.failed, 0),
    perSecond: medianOf(list.map((one) => one.perSecond)),
    median: medianOf(list.map((one) => one.median)),
    p99: medianOf(list.map((one) => one.p99)),
  }));
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
