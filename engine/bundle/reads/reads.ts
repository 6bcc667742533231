import { setImmediate } from "node:timers/promises";
import { Analysis } from "./analysis.ts";
import { type Reads, type Schema, Untraceable } from "./nodes.ts";
import type { Plan, PlanFunction } from "./plan.ts";

export type { Reads } from "./nodes.ts";

/** What of the input is read by the decision whatever is found, and by each rule. */
export interface PolicyReads {
  decision: Reads;
  rules: Record<string, Reads>;
}

const DOCUMENTS = new Set(["findings", "masks"]);

/**
 * What the compiled policy reads of its input, from OPA's plan of the same sources: exactly the statements that are
 * compiled to WASM. A rule that does what cannot be followed (`with`, a call by data's name) reads all.
 */
export async function policyReads(plan: Plan, rules: Iterable<string>, schema: Schema): Promise<PolicyReads> {
  const functions = new Map((plan.funcs.funcs ?? []).map((fn) => [fn.name, fn]));
  const ruleOf = new Map<string, string>();
  for (const id of rules) ruleOf.set(["g0", "sallyport", "rules", ...id.replaceAll("-", "_").split("/")].join("."), id);
  const rule = ({ path = [] }: PlanFunction): string | undefined =>
    DOCUMENTS.has(path.at(-1) ?? "") ? ruleOf.get(path.slice(0, -1).join(".")) : undefined;
  const reads: PolicyReads = {
    decision: orAll(() =>
      new Analysis(plan, functions, schema, (fn) => rule(fn) !== undefined).reads(
        plan.plans.plans.flatMap(({ blocks }) => blocks),
      ),
    ),
    rules: {},
  };
  for (const fn of functions.values()) {
    const id = rule(fn);
    if (id === undefined) continue;
    // Some milliseconds for each: a gateway that compiles its sources answers requests meanwhile.
    await setImmediate();
    const own = orAll(() => new Analysis(plan, functions, schema, () => false).reads(fn));
    reads.rules[id] = merged(reads.rules[id], own);
  }
  return reads;
}

function orAll(analyse: () => Reads): Reads {
  try {
    return analyse();
  } catch (error) {
    if (error instanceof Untraceable) return 1;
    throw error;
  }
}

/** What either reads. */
export function merged(a: Reads | undefined, b: Reads | undefined): Reads {
  if (a === undefined || b === undefined) return a ?? b ?? {};
  if (a === 1 || b === 1) return 1;
  const both = (x?: Record<string, Reads>, y?: Record<string, Reads>): Record<string, Reads> | undefined => {
    if (x === undefined || y === undefined) return x ?? y;
    const keys = new Set([...Object.keys(x), ...Object.keys(y)]);
    return Object.fromEntries([...keys].sort().map((key) => [key, merged(own(x, key), own(y, key))]));
  };
  const [f, d] = [both(a.f, b.f), both(a.d, b.d)];
  const e = a.e === undefined && b.e === undefined ? undefined : merged(a.e, b.e);
  return { ...(f === undefined ? {} : { f }), ...(e === undefined ? {} : { e }), ...(d === undefined ? {} : { d }) };
}

function own(fields: Record<string, Reads>, key: string): Reads | undefined {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}
