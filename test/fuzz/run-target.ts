import { readdir } from "node:fs/promises";
import { addTally, crash, emptyTally } from "./tally.ts";
import type { FuzzTarget, OpenTarget, Tally } from "./target.ts";

export interface Result extends Tally {
  target: string;
  seconds: number;
  plant: string;
  /** After how many cases the planted bug showed; null where it never did. */
  plantFoundAfter: number | null;
}

/** How many cases a planted run has to find its bug. */
const PLANTED_CASES = 50_000;
const BATCH = 2_000;

/** Every file of test/fuzz/targets, by its default export. */
export async function fuzzTargets(): Promise<FuzzTarget[]> {
  const folder = new URL("./targets/", import.meta.url);
  const files = (await readdir(folder)).filter((file) => file.endsWith(".ts")).sort();
  const found = await Promise.all(files.map(async (file) => (await import(new URL(file, folder).href)) as object));
  return found.map((module, i) => {
    if (!("default" in module)) throw new Error(`${files[i]} exports no target`);
    return module.default as FuzzTarget;
  });
}

/** Batches with seeds of their own, so that a short run and a long one begin alike. */
async function batches(
  target: OpenTarget,
  cases: number,
  seed: number,
  goOn: (tally: Tally) => boolean,
): Promise<Tally> {
  const total = emptyTally();
  for (let batch = 0; total.cases < cases; batch++) {
    const size = Math.min(BATCH, cases - total.cases);
    try {
      const tally = await target.run(size, seed + batch);
      addTally(total, { ...tally, cases: size });
    } catch (error) {
      addTally(total, { ...emptyTally(), cases: size });
      crash(total, `the run of seed ${seed + batch} ended: ${error instanceof Error ? error.stack : String(error)}`);
      break;
    }
    if (!goOn(total)) break;
  }
  return total;
}

const found = (tally: Tally): boolean => tally.differences.length > 0 || tally.crashes.length > 0;

async function plantFoundAfter(target: FuzzTarget, seed: number): Promise<number | null> {
  const opened = await target.open({ planted: true });
  try {
    const tally = await batches(opened, PLANTED_CASES, seed, (sofar) => !found(sofar));
    return found(tally) ? tally.cases : null;
  } finally {
    await opened.close();
  }
}

/** Fuzzes one target, then once more with its bug planted. `onProgress` hears the number of cases so far. */
export async function runTarget(
  target: FuzzTarget,
  options: { cases: number; seed: number; planted: boolean; onProgress?: (cases: number) => void },
): Promise<Result> {
  const { cases, seed, onProgress } = options;
  const started = performance.now();
  const opened = await target.open({ planted: false });
  let tally: Tally;
  try {
    tally = await batches(opened, cases, seed, (sofar) => {
      onProgress?.(sofar.cases);
      return true;
    });
  } finally {
    await opened.close();
  }
  const seconds = (performance.now() - started) / 1000;
  const plant = options.planted ? await plantFoundAfter(target, seed) : null;
  return { target: target.name, ...tally, seconds, plant: target.plant, plantFoundAfter: plant };
}

/** Why a result does not pass; empty where it does. */
export function failures(result: Result, options: { planted: boolean }): string[] {
  const why: string[] = [];
  if (result.differences.length > 0) why.push("subject and oracle differ");
  if (result.crashes.length > 0) why.push("the subject crashed");
  if (result.accepted < result.cases / 2) why.push("less than half of the cases were accepted");
  if (options.planted && result.plantFoundAfter === null) why.push(`the planted bug was not found: ${result.plant}`);
  return why;
}
