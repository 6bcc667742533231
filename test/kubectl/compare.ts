import type { Case } from "./cases.ts";
import { type Ran, runCase } from "./run-case.ts";
import type { Side } from "./sides.ts";

export interface Difference {
  family: string;
  steps: string[];
  direct: string;
  gateway: string;
}

export interface Comparison {
  commands: number;
  differences: Difference[];
}

export interface CompareOptions {
  kubectl: string;
  direct: Side;
  gateway: Side;
  cases: readonly Case[];
  /** Changes what came through the gateway, to see that a change is found. */
  plant?: (ran: Ran, index: number) => Ran;
  onCase?: (index: number, family: string) => void;
}

/** Runs each case on both sides, and gathers where they do not print the same or end alike. */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { kubectl, cases, plant = (ran) => ran } = options;
  const differences: Difference[] = [];
  let commands = 0;
  for (const [i, entry] of cases.entries()) {
    options.onCase?.(i, entry.family);
    const [direct, through] = await bothSides(kubectl, options, entry);
    const gateway = plant(through, i);
    commands += entry.steps.length;
    if (direct.text === gateway.text) continue;
    differences.push({ family: entry.family, steps: entry.steps, direct: direct.raw, gateway: gateway.raw });
  }
  return { commands, differences };
}

async function bothSides(kubectl: string, { direct, gateway }: CompareOptions, entry: Case): Promise<[Ran, Ran]> {
  if (entry.shared === true) return [await runCase(kubectl, direct, entry), await runCase(kubectl, gateway, entry)];
  return Promise.all([runCase(kubectl, direct, entry), runCase(kubectl, gateway, entry)]);
}
