import type { Effect } from "../base/config/guardrails.ts";
import type { Decision, Need, Policy } from "./decision.ts";
import type { PolicyInput } from "./input.ts";
import type { EvaluationWorker } from "./wasm/evaluation-worker.ts";

/** What a candidate would have said of a request that the policy in force decided. */
export interface ShadowVerdict {
  /** `<bundle>/<guardrails>` of the candidate. */
  revision: string;
  effect: Decision["effect"];
  /** Those that found something, in their order. */
  rules: string[];
  /** The strongest effect of each. */
  findings: { rule: string; effect: Effect }[];
  /** What the evaluation took, in its thread. */
  us: number;
  /** In what it differs from the decision in force: effect, rules, mask, record. */
  changes: string[];
  /** Facts that it asks for and that were not gathered, since the policy in force does not ask for them. */
  missing: Need[];
}

/** A question on its way: `verdict` is there once it is answered, and `late` hears of it. */
export interface ShadowRun {
  verdict?: ShadowVerdict;
  late?: (verdict: ShadowVerdict) => void;
}

export interface ShadowCounts {
  /** The same decision, in effect, rules, masks and record. */
  same: number;
  different: number;
  /** Facts were missing: its answer says little. */
  incomplete: number;
  /** Its evaluation failed. */
  failed: number;
  /** Not asked: too much was waiting. */
  dropped: number;
  /** Sum over all evaluations. */
  microseconds: number;
}

interface Question {
  input: PolicyInput;
  live: Decision;
  known: ReadonlySet<Need>;
  bytes: number;
  run: ShadowRun;
}

/** Together they bound what a candidate that is slow may hold in memory. */
const WAITING = 256;
const WAITING_BYTES = 32 * 1024 * 1024;
/** A patch of a few bytes brings two objects of a megabyte: what is stored, and what would be. */
const MOST_VALUES = 20_000;
const LARGE = 8 * 1024 * 1024;

/**
 * Asks a candidate what the policy in force was asked. Nothing waits for its answer: a question stands in a bounded
 * queue, is written as JSON on a turn of the event loop of its own, and evaluated in a thread of its own with a
 * deadline. What does not fit is dropped, and counted.
 */
export class Shadow {
  readonly counts: ShadowCounts = { same: 0, different: 0, incomplete: 0, failed: 0, dropped: 0, microseconds: 0 };
  readonly #current: () => Policy | undefined;
  readonly #worker: EvaluationWorker;
  readonly #waiting: Question[] = [];
  #bytes = 0;
  #asking = false;

  /** `current`: the candidate, which evaluates in `worker` alone; undefined while there is none. */
  constructor(current: () => Policy | undefined, worker: EvaluationWorker) {
    this.#current = current;
    this.#worker = worker;
  }

  /** Puts a question in the queue. `known`: the facts that were gathered. Never throws, and never waits. */
  ask(input: PolicyInput, live: Decision, known: ReadonlySet<Need>): ShadowRun | undefined {
    if (this.#current() === undefined) return undefined;
    const { object, oldObject, sent, roleRules } = input;
    const bytes = heldBytes([object, oldObject, sent, roleRules]);
    if (this.#waiting.length >= WAITING || this.#bytes + bytes > WAITING_BYTES) {
      this.counts.dropped += 1;
      return undefined;
    }
    const run: ShadowRun = {};
    // A copy of its own: facts are put in while a request is judged again.
    this.#waiting.push({ input: { ...input }, live, known, bytes, run });
    this.#bytes += bytes;
    if (!this.#asking) {
      this.#asking = true;
      setImmediate(() => void this.#answerAll());
    }
    return run;
  }

  async #answerAll(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#bytes -= next.bytes;
      const policy = this.#current();
      if (policy === undefined) continue;
      const verdict = await this.#answer(policy, next);
      next.run.verdict = verdict;
      next.run.late?.(verdict);
    }
    this.#asking = false;
  }

  async #answer(policy: Policy, { input, live, known }: Question): Promise<ShadowVerdict> {
    // `decide` never throws: what fails is a deny.
    const decision = await policy.decide(input);
    const us = this.#worker.lastMicroseconds;
    const missing = [...policy.needs(input)].filter((need) => !known.has(need));
    const changes = differences(live, decision);
    const failed = decision.findings.some(({ rule }) => rule === "request/policy-failed");
    this.counts.microseconds += us;
    if (failed) this.counts.failed += 1;
    else if (missing.length > 0) this.counts.incomplete += 1;
    else if (changes.length > 0) this.counts.different += 1;
    else this.counts.same += 1;
    return {
      revision: `${decision.revision.bundle}/${decision.revision.guardrails}`,
      effect: decision.effect,
      rules: rulesOf(decision),
      findings: strongest(decision),
      us,
      changes,
      missing,
    };
  }
}

/** Roughly what these hold in memory; what has more values than are worth counting is taken for large. */
function heldBytes(values: readonly unknown[]): number {
  const waiting = [...values];
  let bytes = 0;
  for (let counted = 0; waiting.length > 0; counted++) {
    if (counted + waiting.length > MOST_VALUES) return Math.max(bytes, LARGE);
    const value = waiting.pop();
    if (typeof value === "string") bytes += value.length;
    else if (typeof value === "object" && value !== null) {
      const entries = Object.values(value);
      if (entries.length > MOST_VALUES) return Math.max(bytes, LARGE);
      bytes += 64 + 32 * entries.length;
      waiting.push(...entries);
    }
  }
  return bytes;
}

function differences(live: Decision, candidate: Decision): string[] {
  return [
    ...(live.effect === candidate.effect ? [] : ["effect"]),
    ...(rulesOf(live).sort().join() === rulesOf(candidate).sort().join() ? [] : ["rules"]),
    ...(JSON.stringify(live.mask) === JSON.stringify(candidate.mask) ? [] : ["mask"]),
    ...(live.record === candidate.record ? [] : ["record"]),
  ];
}

const RANK: Record<Effect, number> = { allow: 0, record: 1, mask: 2, hold: 3, deny: 4 };

function strongest({ findings }: Decision): ShadowVerdict["findings"] {
  const found = new Map<string, Effect>();
  for (const { rule, effect } of findings) {
    const known = found.get(rule);
    if (known === undefined || RANK[effect] > RANK[known]) found.set(rule, effect);
  }
  return [...found].map(([rule, effect]) => ({ rule, effect }));
}

function rulesOf({ findings }: Decision): string[] {
  return [...new Set(findings.map(({ rule }) => rule))];
}
