import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Line } from "./witness.ts";

/**
 * From the answer to the hand-over are five milliseconds of the gateway's thread, which a line of ten must hold; and
 * one turn more for what the answer's last chunk waits for.
 */
const TURNS_TO_HAND_OVER = 3;
/** The recorder's thread puts into the spool's files what it finds, each time it looks. */
const TURNS_TO_WRITE = 2;

/** One process of the gateway, from its start to its end. */
interface Life {
  pid: number;
  from: number;
  answered: Map<string, number>;
  handed: Map<string, { batch: number; at: number }>;
  /** The newest batch that was said to last. */
  synced: number;
  failing: string;
  turns: { gateway: number[]; recorder: number[] };
}

export interface Witnessed {
  /** Why the record may lack the outcome of an exchange, or must not: `undefined` where it may. */
  whyMissed(exchange: string): string | undefined;
  /** All exchanges whose outcome was handed over. */
  handed(): Iterable<string>;
  /** From the hand-over until the disk had it, over all batches that found room: the slowest, in milliseconds. */
  slowestMs: number;
  /** How many batches took longer than 50 ms. */
  late: number;
  batches: number;
}

/** Reads what the threads of all processes of a gateway wrote down; only the last of them ended as it was asked to. */
export function witnessed(folder: string): Witnessed {
  const names = readdirSync(folder).filter((name) => /^\d+\.gateway\.log$/.test(name));
  const lives = names.map((name) => life(folder, Number.parseInt(name, 10))).sort((a, b) => a.from - b.from);
  const lateness = lives.flatMap((one) => one.lateness);
  return {
    handed: function* () {
      for (const { handed } of lives) yield* handed.keys();
    },
    whyMissed(exchange) {
      const one = lives.findLast(({ answered, handed }) => handed.has(exchange) || answered.has(exchange));
      if (one === undefined) return "no process of the gateway answered it";
      const handed = one.handed.get(exchange);
      if (handed !== undefined && handed.batch <= one.synced) return `it was on disk, in batch ${handed.batch}`;
      if (one === lives.at(-1)) return "and its process was not killed";
      if (handed !== undefined) {
        const turns = after(one.turns.recorder, handed.at);
        if (turns < TURNS_TO_WRITE || one.failing !== "") return undefined;
        return `it was handed over in batch ${handed.batch}, and the recorder's thread came round ${turns} times after`;
      }
      const turns = after(one.turns.gateway, one.answered.get(exchange) ?? 0);
      if (turns < TURNS_TO_HAND_OVER) return undefined;
      return `it was not handed over, and the gateway's thread came round ${turns} times after its answer`;
    },
    slowestMs: lateness.reduce((most, ms) => Math.max(most, ms), 0),
    late: lateness.filter((ms) => ms > 50).length,
    batches: lateness.length,
  };
}

const after = (times: readonly number[], at: number): number => times.filter((time) => time > at).length;

function life(folder: string, pid: number): Life & { lateness: number[] } {
  const one: Life = {
    pid,
    from: 0,
    answered: new Map(),
    handed: new Map(),
    synced: 0,
    failing: "",
    turns: { gateway: [], recorder: [] },
  };
  const batches: { batch: number; at: number }[] = [];
  for (const line of lines(join(folder, `${pid}.gateway.log`))) {
    if (one.from === 0) one.from = line.at;
    if ("alive" in line) one.turns.gateway.push(line.at);
    else if ("answered" in line) one.answered.set(line.answered, line.at);
    else if ("handed" in line) {
      batches.push({ batch: line.batch, at: line.at });
      for (const id of line.handed) one.handed.set(id, { batch: line.batch, at: line.at });
    }
  }
  const lateness: number[] = [];
  for (const line of lines(join(folder, `${pid}.recorder.log`))) {
    if ("alive" in line) one.turns.recorder.push(line.at);
    else if ("failing" in line) one.failing = line.failing;
    else if ("synced" in line) {
      one.synced = line.synced;
      while ((batches[0]?.batch ?? Number.POSITIVE_INFINITY) <= line.synced) {
        const { at = 0 } = batches.shift() ?? {};
        // What waited for room in the spool or on the disk was not late, but held back.
        if (one.failing === "") lateness.push(line.at - at);
      }
    }
  }
  return { ...one, lateness };
}

/** A kill may end a file in half a line. */
function lines(path: string): Line[] {
  const text = readFileSync(path, "utf8");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}
