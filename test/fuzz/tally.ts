import { Refusal } from "../../base/errors.ts";
import { cpuTime } from "../clocks.ts";
import type { Tally } from "./target.ts";

const KEPT = 10;

export function emptyTally(): Tally {
  return { cases: 0, accepted: 0, refused: 0, differences: [], crashes: [] };
}

function keep(list: string[], text: string): void {
  if (list.length < KEPT) list.push(text.length > 4000 ? `${text.slice(0, 4000)}…` : text);
}

export function difference(tally: Tally, text: string): void {
  keep(tally.differences, text);
}

export function crash(tally: Tally, text: string): void {
  keep(tally.crashes, text);
}

export function addTally(to: Tally, from: Tally): void {
  to.cases += from.cases;
  to.accepted += from.accepted;
  to.refused += from.refused;
  for (const text of from.differences) difference(to, text);
  for (const text of from.crashes) crash(to, text);
}

/** More CPU time than this for one case is a stall of the thread that serves everybody, and counts as a crash. */
const STALL_MS = 2_000;

export type Outcome<T> = { value: T } | { refusal: Refusal } | { crash: string };

/** Runs the subject on one case: what it gave, the typed refusal, or the crash. `describe` prints the case. */
export function attempt<T>(run: () => T, describe: () => string): Outcome<T> {
  const time = cpuTime();
  let outcome: Outcome<T>;
  try {
    outcome = { value: run() };
  } catch (error) {
    outcome =
      error instanceof Refusal && error.code !== "internal"
        ? { refusal: error }
        : { crash: `${describe()}\n${error instanceof Error ? error.stack : String(error)}` };
  }
  const took = time();
  return took > STALL_MS ? { crash: `${describe()}\ntook ${Math.round(took)} ms` } : outcome;
}
