import type { Effect } from "../../base/config/guardrails.ts";
import type { Policy } from "../../engine/decision.ts";
import { judgeAgain } from "./judge-again.ts";
import type { RecordedDecision } from "./recorded.ts";

/** What one rule would have stopped in one namespace. */
export interface StoppedByRule {
  rule: string;
  effect: "deny" | "hold";
  count: number;
  /** Whose requests, the first few. */
  who: string[];
  /** A decision to look at (`policy explain --decision`). */
  example: string;
  /** `judged`: by the policy itself; `found`: what was judged is not on record, and the rule had found something. */
  by: "judged" | "found";
}

export interface StoppedInNamespace {
  /** Empty for what is in no namespace, and for requests across all of them. */
  namespace: string;
  decisions: number;
  denied: number;
  held: number;
  /** Neither their question nor a finding is on record. */
  unknown: number;
  rules: StoppedByRule[];
}

export interface StopReport {
  /** Those with the most that would have been stopped first. */
  namespaces: StoppedInNamespace[];
  /** Decisions of which nothing is known: neither the question nor a finding. */
  unknown: number;
}

const PEOPLE = 5;

type Stop = { rule: string; effect: "deny" | "hold"; by: StoppedByRule["by"] };

/**
 * The way from observing to enforcing: what a policy would have stopped of what is on record, by namespace.
 * `effectOf` says what it does with a rule's findings, for decisions whose objects are not on record.
 */
export async function wouldStop(
  decisions: AsyncIterable<RecordedDecision> | Iterable<RecordedDecision>,
  policy: Policy,
  effectOf: (rule: string) => Effect,
): Promise<StopReport> {
  const namespaces = new Map<string, StoppedInNamespace>();
  let unknown = 0;
  for await (const recorded of decisions) {
    const stops = await stopsOf(recorded, policy, effectOf);
    const { namespace } = recorded;
    const row = namespaces.get(namespace) ?? { namespace, decisions: 0, denied: 0, held: 0, unknown: 0, rules: [] };
    namespaces.set(namespace, row);
    row.decisions++;
    if (stops === undefined) {
      unknown++;
      row.unknown++;
    }
    if (stops === undefined || stops.length === 0) continue;
    if (stops.some(({ effect }) => effect === "deny")) row.denied++;
    else row.held++;
    for (const stop of stops) count(row, stop, recorded);
  }
  const weight = ({ denied, held }: StoppedInNamespace): number => denied + held;
  const rows = [...namespaces.values()].sort((a, b) => weight(b) - weight(a) || (a.namespace < b.namespace ? -1 : 1));
  for (const row of rows) row.rules.sort((a, b) => b.count - a.count);
  return { namespaces: rows, unknown };
}

/** What stops it, one entry a rule; undefined where that cannot be told. */
async function stopsOf(
  recorded: RecordedDecision,
  policy: Policy,
  effectOf: (rule: string) => Effect,
): Promise<Stop[] | undefined> {
  const judged = await judgeAgain(recorded, policy);
  const isJudged = "decision" in judged;
  if (!isJudged && recorded.input === undefined && recorded.findings.length === 0) return undefined;
  const found = isJudged
    ? judged.decision.findings.map(({ rule, effect }) => ({ rule, effect }))
    : recorded.findings.map(({ rule }) => ({ rule, effect: effectOf(rule) }));
  const stops = new Map<string, Stop>();
  for (const { rule, effect } of found) {
    if (effect !== "deny" && effect !== "hold") continue;
    if (stops.get(rule)?.effect !== "deny") stops.set(rule, { rule, effect, by: isJudged ? "judged" : "found" });
  }
  return [...stops.values()];
}

function count(row: StoppedInNamespace, { rule, effect, by }: Stop, { who, decisionId }: RecordedDecision): void {
  let known = row.rules.find((one) => one.rule === rule && one.effect === effect && one.by === by);
  if (known === undefined) {
    known = { rule, effect, count: 0, who: [], example: decisionId, by };
    row.rules.push(known);
  }
  known.count++;
  if (known.who.length < PEOPLE && !known.who.includes(who)) known.who.push(who);
}
