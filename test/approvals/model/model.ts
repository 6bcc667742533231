import fc from "fast-check";
import type { Policy } from "../../../engine/decision.ts";
import { run, type Step, step } from "./commands.ts";
import { checkEnding } from "./ending.ts";
import type { MakeModelHome } from "./home.ts";
import { World } from "./world.ts";

export interface ModelOptions {
  home: MakeModelHome;
  policy: Policy;
  cases: number;
  seed: number;
  /** Nobody compares any more: a sequence fails by what was forwarded, since whatever else is wrong then proves nothing. */
  withoutSwap?: boolean;
  /** Milliseconds since the epoch: what has not begun by then is not run. */
  until?: number | undefined;
  onProgress?: (done: number) => void;
}

export interface ModelResult {
  /** Steps that happened, of each sequence. */
  lengths: number[];
  /** How often each command happened, and how often an approval came to be in each state. */
  fired: Record<string, number>;
  states: Record<string, number>;
  /** The shortest sequence that leads to something that must not be, as a story; undefined where there was none. */
  failure?: string;
}

// What finds nothing to happen to is not counted: two thirds of the steps happen.
const SHORTEST = 6;
const LONGEST = 40;
/** Milliseconds: a failure is worth more soon than short. */
const SHORTEN_FOR = 60_000;
const isForwarded = (violation: string): boolean => violation.includes(" was forwarded, and no standing approval");

/** Runs sequences until one fails, and makes that one as short as it can be. */
export async function runModel(options: ModelOptions): Promise<ModelResult> {
  const result: ModelResult = { lengths: [], fired: {}, states: {} };
  let failedAt: number | undefined;
  const sequence = fc.array(step, { minLength: SHORTEST, maxLength: LONGEST, size: "max" });
  const property = fc.asyncProperty(sequence, async (steps) => {
    const end = failedAt === undefined ? options.until : failedAt + SHORTEN_FOR;
    if (end !== undefined && Date.now() > end) return;
    const { happened, world, ...played } = await play(steps, options);
    const violations = options.withoutSwap ? played.violations.filter(isForwarded) : played.violations;
    // What comes after a failure is that one, made shorter.
    if (failedAt === undefined) {
      result.lengths.push(happened.length);
      for (const kind of happened) add(result.fired, kind, 1);
      for (const [state, count] of world.changes) add(result.states, state, count);
      options.onProgress?.(result.lengths.length);
    }
    if (violations.length === 0) return;
    failedAt ??= Date.now();
    throw new Error(violations.join("\n"));
  });
  const { failed, counterexample } = await fc.check(property, {
    numRuns: options.cases,
    seed: options.seed,
    endOnFailure: options.withoutSwap === true,
  });
  return failed ? { ...result, failure: await story(counterexample?.[0] ?? [], options) } : result;
}

export function add(counts: Record<string, number>, key: string, more: number): void {
  counts[key] = (counts[key] ?? 0) + more;
}

export async function play(steps: readonly Step[], { home, policy, withoutSwap = false }: ModelOptions) {
  const world = await World.open(home, { policy, withoutSwap });
  const { violations } = world.history;
  const happened: string[] = [];
  try {
    for (const { before, command } of steps) {
      if (before === "all") await world.settle();
      else for (const pick of before) await world.turns.step(pick);
      const { kind, ...which } = command;
      const at = world.turns.log.length;
      if (!(await run(command, world))) continue;
      world.turns.log.splice(at, 0, `${kind} ${JSON.stringify(which)}`);
      happened.push(kind);
      if (withoutSwap ? violations.some(isForwarded) : violations.length > 0) break;
    }
    if (violations.length === 0) {
      world.turns.log.push("and then everything settles");
      await checkEnding(world);
    }
    return { violations, happened, world };
  } finally {
    await world.close();
  }
}

/** What must not be, and what led to it, turn by turn. */
async function story(steps: readonly Step[], options: ModelOptions): Promise<string> {
  const { world, violations } = await play(steps, options);
  return [...violations, "", ...world.turns.log].join("\n");
}
