import { readFileSync } from "node:fs";
import { type Dispatcher, Pool } from "undici";
import { cpuUs } from "./child.ts";

export interface Target {
  name: string;
  origin: string;
  caFile?: string;
  path: string;
  method?: Dispatcher.HttpMethod;
  headers?: Record<string, string | string[]>;
  /** A body for each request, by its number. */
  body?: (n: number) => string;
  /** The process between client and upstream: what it spends is measured too. */
  pid?: number;
}

export interface Measured {
  requests: number;
  perSecond: number;
  /** Milliseconds. */
  median: number;
  p99: number;
  /** Microseconds of CPU that the process `pid` spent on a request; NaN without one. */
  cpu: number;
}

/** Keeps a number of requests under way, one connection each. A request that fails ends the bench. */
export class LoadClient {
  readonly target: Target;
  readonly #pool: Pool;
  #sent = 0;

  constructor(target: Target, connections: number) {
    this.target = target;
    const tls = target.caFile === undefined ? {} : { connect: { ca: readFileSync(target.caFile, "utf8") } };
    this.#pool = new Pool(target.origin, { connections, pipelining: 1, allowH2: false, ...tls });
  }

  /** Requests that were sent so far, warm-up included. */
  get sent(): number {
    return this.#sent;
  }

  /** Throws an Error with the first answer that was not a 2xx. */
  async run(concurrency: number, milliseconds: number): Promise<Measured> {
    const times: number[] = [];
    const { pid } = this.target;
    const spent = pid === undefined ? Number.NaN : cpuUs(pid);
    const start = performance.now();
    const end = start + milliseconds;
    const lane = async (): Promise<void> => {
      while (performance.now() < end) {
        const before = performance.now();
        await this.one();
        times.push(performance.now() - before);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, lane));
    const seconds = (performance.now() - start) / 1000;
    const cpu = pid === undefined ? Number.NaN : (cpuUs(pid) - spent) / times.length;
    times.sort((a, b) => a - b);
    const at = (share: number): number => times[Math.floor(times.length * share)] ?? Number.NaN;
    return { requests: times.length, perSecond: times.length / seconds, median: at(0.5), p99: at(0.99), cpu };
  }

  /** Sends one request, and resolves at the end of its answer. */
  one(): Promise<void> {
    const n = this.#sent++;
    const { name, path, method = "GET", headers, body } = this.target;
    return new Promise((resolve, reject) => {
      let status = 0;
      let said = "";
      this.#pool.dispatch(
        { path, method, headers: { accept: "application/json", ...headers }, body: body?.(n) ?? null },
        {
          onRequestStart() {},
          onResponseStart(_controller, code) {
            status = code;
          },
          onResponseData(_controller, chunk) {
            if (status >= 300 && said.length < 1000) said += chunk.toString("utf8");
          },
          onResponseEnd() {
            if (status >= 200 && status < 300) resolve();
            else reject(new Error(`${name}: request ${n} was answered ${status} ${said}`));
          },
          onResponseError(_controller, error) {
            reject(new Error(`${name}: request ${n} failed: ${error.message}`));
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
 * else the machine does falls on all of them. Each figure is the median of its turns. `settle`: a turn begins with a
 * request that is not measured, so that the garbage of the turn before is not collected at its cost.
 */
export async function sideBySide(
  clients: readonly LoadClient[],
  options: { concurrency: number; turns: number; milliseconds: number; settle?: boolean },
): Promise<Measured[]> {
  const turns: Measured[][] = clients.map(() => []);
  for (const client of clients) await client.run(options.concurrency, options.milliseconds);
  for (let turn = 0; turn < options.turns; turn++) {
    for (const [i, client] of clients.entries()) {
      if (options.settle === true) await client.one();
      turns[i]?.push(await client.run(options.concurrency, options.milliseconds));
    }
  }
  return turns.map((list) => ({
    requests: list.reduce((sum, one) => sum + one.requests, 0),
    perSecond: medianOf(list.map((one) => one.perSecond)),
    median: medianOf(list.map((one) => one.median)),
    p99: medianOf(list.map((one) => one.p99)),
    cpu: medianOf(list.map((one) => one.cpu)),
  }));
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}
