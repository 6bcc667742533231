import { LoadClient, type Measured, sideBySide, type Target } from "./load.ts";
import type { Row } from "./table.ts";

export interface GetTargets {
  direct: Target;
  /** TLS in front, as the gateway has. */
  passThrough: Target;
  /** Plain HTTP in front: TLS on one side only. */
  plainPassThrough: Target;
  full: Target;
}

const LANES = 64;

/** A GET of 4 KB from a stub upstream, by each of the ways to it. `sent` counts those through the gateway. */
export async function benchGet(targets: GetTargets): Promise<{ rows: Row[]; sent: number }> {
  const { direct, passThrough, plainPassThrough, full } = targets;
  const alone = await measure([direct, passThrough, full], { concurrency: 1, turns: 7, milliseconds: 700 });
  const crowd = await measure([direct, passThrough, plainPassThrough, full], {
    concurrency: LANES,
    turns: 7,
    milliseconds: 1000,
  });
  const [direct1, pass1, full1] = alone.measured as [Measured, Measured, Measured];
  const [direct64, pass64, plain64, full64] = crowd.measured as [Measured, Measured, Measured, Measured];
  const us = (milliseconds: number): number => milliseconds * 1000;
  return {
    sent: alone.sent + crowd.sent,
    rows: [
      { what: "GET 4 KB, 1 lane: direct, median", value: us(direct1.median), unit: "µs" },
      { what: "GET 4 KB, 1 lane: pass-through with TLS, median", value: us(pass1.median), unit: "µs" },
      { what: "GET 4 KB, 1 lane: full path, median", value: us(full1.median), unit: "µs" },
      {
        what: "GET 4 KB, 1 lane: added by the full path",
        value: full1.median - direct1.median,
        unit: "ms",
        aim: { at: "most", value: 1 },
        beside: "full path less direct, medians",
      },
      { what: `GET 4 KB, ${LANES} lanes: direct`, value: direct64.perSecond, unit: "req/s" },
      { what: `GET 4 KB, ${LANES} lanes: pass-through, plain HTTP in front`, value: plain64.perSecond, unit: "req/s" },
      { what: `GET 4 KB, ${LANES} lanes: pass-through with TLS`, value: pass64.perSecond, unit: "req/s" },
      { what: `GET 4 KB, ${LANES} lanes: full path`, value: full64.perSecond, unit: "req/s" },
      { what: `GET 4 KB, ${LANES} lanes: full path, p99`, value: full64.p99, unit: "ms" },
      { what: `GET 4 KB, ${LANES} lanes: CPU of the pass-through with TLS`, value: pass64.cpu, unit: "µs/req" },
      {
        what: `GET 4 KB, ${LANES} lanes: CPU of serve`,
        value: full64.cpu,
        unit: "µs/req",
        beside: "all its threads, store aside",
      },
      {
        what: `GET 4 KB, ${LANES} lanes: full path`,
        value: full64.perSecond / pass64.perSecond,
        unit: "×",
        aim: { at: "least", value: 0.6 },
        beside: "req/s of the pass-through with TLS",
      },
    ],
  };
}

async function measure(
  targets: Target[],
  options: { concurrency: number; turns: number; milliseconds: number },
): Promise<{ measured: Measured[]; sent: number }> {
  const clients = targets.map((target) => new LoadClient(target, options.concurrency));
  try {
    const measured = await sideBySide(clients, options);
    return { measured, sent: clients.at(-1)?.sent ?? 0 };
  } finally {
    for (const client of clients) await client.close();
  }
}
