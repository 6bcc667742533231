import type { Effect } from "../../base/config/guardrails.ts";
import type { Decision, Policy, Revision } from "../../engine/decision.ts";
import { type Judged, judgeAgain } from "./judge-again.ts";
import type { RecordedDecision } from "./recorded.ts";

export type { RecordedDecision } from "./recorded.ts";

/** A real request whose decision would be another one. */
export interface Counterexample {
  decisionId: string;
  at: string;
  who: string;
  what: string;
  /** What the rule says of it, by the policy under test; empty where it says nothing any more. */
  message: string;
  fields: string[];
}

/** What one rule would do otherwise: `from` what it did, `to` what it would do; `none` where it finds nothing. */
export interface RuleChange {
  rule: string;
  from: Effect | "none";
  to: Effect | "none";
  /** Of the whole decision, which other rules may keep as it was. */
  decision: { from: Decision["effect"]; to: Decision["effect"] };
  count: number;
  /** The first few, in the order in which they came. */
  examples: Counterexample[];
}

export interface BacktestReport {
  revision: Revision;
  judged: number;
  /** Decisions with another effect. */
  changed: number;
  /** By `allow → hold`. */
  effects: Record<string, number>;
  /** Those that change a decision first, then by count. */
  rules: RuleChange[];
  /** What cannot be judged, by the fact that is not on record. */
  notJudged: { missing: string; count: number; example: string }[];
  milliseconds: number;
}

const EXAMPLES = 5;
/** Different changes that are kept apart: a hostile bundle may name a rule for each request. */
const GROUPS = 10_000;

/** What a policy would decide otherwise of decisions on record. What their records do not tell is counted and named. */
export async function backtest(
  decisions: AsyncIterable<RecordedDecision> | Iterable<RecordedDecision>,
  policy: Policy,
  options: { examples?: number } = {},
): Promise<BacktestReport> {
  const started = performance.now();
  const tally = new Tally(options.examples ?? EXAMPLES);
  for await (const recorded of decisions) {
    const judged = judgeAgain(recorded, policy);
    tally.add(recorded, judged instanceof Promise ? await judged : judged);
  }
  return tally.report(policy.revision, performance.now() - started);
}

class Tally {
  readonly #examples: number;
  readonly #groups = new Map<string, RuleChange>();
  readonly #missing = new Map<string, { missing: string; count: number; example: string }>();
  readonly #effects: Record<string, number> = {};
  #judged = 0;
  #changed = 0;

  constructor(examples: number) {
    this.#examples = examples;
  }

  add(recorded: RecordedDecision, judged: Judged): void {
    if ("missing" in judged) {
      const known = this.#missing.get(judged.missing);
      if (known !== undefined) known.count++;
      else this.#missing.set(judged.missing, { missing: judged.missing, count: 1, example: recorded.decisionId });
      return;
    }
    const { decision } = judged;
    this.#judged++;
    if (decision.effect !== recorded.effect) {
      this.#changed++;
      const key = `${recorded.effect} → ${decision.effect}`;
      this.#effects[key] = (this.#effects[key] ?? 0) + 1;
    }
    // What most decisions are: nothing was found, and nothing is.
    if (decision.findings.length > 0 || recorded.findings.length > 0) this.#compare(recorded, decision);
  }

  #compare(recorded: RecordedDecision, decision: Decision): void {
    const before = strongest(recorded.findings);
    const after = strongest(decision.findings);
    for (const rule of new Set([...before.keys(), ...after.keys()])) {
      const from = before.get(rule) ?? "none";
      const to = after.get(rule) ?? "none";
      if (from !== to) this.#count(rule, from, to, recorded, decision);
    }
  }

  #count(
    rule: string,
    from: RuleChange["from"],
    to: RuleChange["to"],
    recorded: RecordedDecision,
    decision: Decision,
  ): void {
    const key = `${rule}|${from}|${to}|${recorded.effect}|${decision.effect}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      if (this.#groups.size >= GROUPS) return;
      group = { rule, from, to, decision: { from: recorded.effect, to: decision.effect }, count: 0, examples: [] };
      this.#groups.set(key, group);
    }
    group.count++;
    if (group.examples.length >= this.#examples) return;
    const finding = decision.findings.find((one) => one.rule === rule);
    const { decisionId, at, who, what } = recorded;
    group.examples.push({ decisionId, at, who, what, message: finding?.message ?? "", fields: finding?.fields ?? [] });
  }

  report(revision: Revision, milliseconds: number): BacktestReport {
    const changes = ({ decision }: RuleChange): number => (decision.from === decision.to ? 0 : 1);
    return {
      revision,
      judged: this.#judged,
      changed: this.#changed,
      effects: this.#effects,
      rules: [...this.#groups.values()].sort((a, b) => changes(b) - changes(a) || b.count - a.count),
      notJudged: [...this.#missing.values()].sort((a, b) => b.count - a.count),
      milliseconds,
    };
  }
}

const RANK: Record<Effect, number> = { allow: 0, record: 1, mask: 2, hold: 3, deny: 4 };

/** A rule may find more than one thing. */
function strongest(findings: readonly { rule: string; effect: Effect }[]): Map<string, Effect> {
  const found = new Map<string, Effect>();
  for (const { rule, effect } of findings) {
    const known = found.get(rule);
    if (known === undefined || RANK[effect] > RANK[known]) found.set(rule, effect);
  }
  return found;
}
