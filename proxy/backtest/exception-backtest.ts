import type { StandingException } from "../../approvals/standing/exception.ts";
import { matchOf, StandingIndex, type StandingQuestion, settled } from "../../approvals/standing/standing.ts";
import type { Decision, Policy } from "../../engine/decision.ts";
import { judgeAgain } from "./judge-again.ts";
import type { RecordedDecision } from "./recorded.ts";

/** A real request that an exception is for. */
export interface ExceptionExample {
  decisionId: string;
  at: string;
  who: string;
  what: string;
  /** What the exception lifts of it, and what stops it all the same. */
  lifted: string[];
  left: string[];
}

/** What one exception would have done to what is on record. */
export interface ExceptionBacktest {
  name: string;
  /** Requests that it is for. */
  matched: number;
  /** Stopped (held or denied) without it, and let through with it. */
  through: number;
  /** Stopped with it as well, by other rules or by one that is absolute. */
  stopped: number;
  /** Let through either way, and less masked with it. */
  unmasked: number;
  /** It lifts nothing of them. */
  idle: number;
  /** Whether it is for them, or what it lifts, is not on record. */
  unknown: number;
  /** Judged by what was found then: the objects are not on record. */
  byFindings: number;
  /** Whose requests were let through or unmasked, the first few, and how many people there are. */
  who: string[];
  people: number;
  examples: ExceptionExample[];
}

export interface ExceptionsReport {
  judged: number;
  exceptions: ExceptionBacktest[];
}

const PEOPLE = 10;

/**
 * What standing exceptions would have let through of what is on record, each by itself, beside whatever else was in force
 * then. `options.examples`: requests that are kept of each.
 */
export async function backtestExceptions(
  decisions: AsyncIterable<RecordedDecision> | Iterable<RecordedDecision>,
  exceptions: readonly StandingException[],
  policy: Policy,
  options: { examples?: number } = {},
): Promise<ExceptionsReport> {
  // Their end is ahead: what is asked is what they would have done before now.
  const index = new StandingIndex(exceptions.map((one) => ({ ...one, notAfter: Number.POSITIVE_INFINITY })));
  const tallies = new Map(exceptions.map(({ name }) => [name, new Tally(name, options.examples ?? 5)]));
  let judged = 0;
  for await (const recorded of decisions) {
    judged++;
    if (recorded.input === undefined) continue;
    const asked = { ...recorded.input, ...recorded.facts } as StandingQuestion;
    const { sure, open } = index.candidates(asked, 0);
    for (const one of open) {
      if (settled(one, asked)) sure.push(one);
      else if (one.match.labels !== undefined && recorded.facts === undefined) tallies.get(one.name)?.unknown();
    }
    for (const one of sure) tallies.get(one.name)?.add(recorded, await liftedBy(one, recorded, policy));
  }
  return { judged, exceptions: [...tallies.values()].map((tally) => tally.report()) };
}

interface Lifted {
  lifted: string[];
  left: string[];
  unmasks: boolean;
  by: "judged" | "found";
}

/** What the exception lifts of a decision; undefined where that cannot be told. */
async function liftedBy(
  exception: StandingException,
  recorded: RecordedDecision,
  policy: Policy,
): Promise<Lifted | undefined> {
  const { input } = recorded;
  if (input === undefined) return undefined;
  const others = input.exceptions.filter(({ name }) => name !== exception.name);
  const [without, withIt] = await Promise.all([
    judgeAgain({ ...recorded, input: { ...input, exceptions: others } }, policy),
    judgeAgain({ ...recorded, input: { ...input, exceptions: [...others, matchOf(exception)] } }, policy),
  ]);
  if ("decision" in without && "decision" in withIt) return compared(without.decision, withIt.decision);
  return found(exception, recorded);
}

function compared(without: Decision, withIt: Decision): Lifted {
  const before = rulesOf(without, ["hold", "deny"]);
  const left = rulesOf(withIt, ["hold", "deny"]);
  const masks = rulesOf(without, ["mask"]);
  const masked = new Set(rulesOf(withIt, ["mask"]));
  const unmasked = masks.filter((rule) => !masked.has(rule));
  const lifted = [...before.filter((rule) => !left.includes(rule)), ...unmasked];
  return { lifted, left, unmasks: unmasked.length > 0, by: "judged" };
}

/** By the findings that are on record, where the objects are not. */
function found({ rules, unmask }: StandingException, { findings }: RecordedDecision): Lifted | undefined {
  const known = findings.filter(({ effect }) => effect === "hold" || effect === "deny" || effect === "mask");
  if (known.length === 0) return undefined;
  const lifts = ({ rule, effect, absolute }: (typeof findings)[number]): boolean =>
    rules.includes(rule) && absolute !== true && (effect !== "mask" || unmask);
  const lifted = known.filter(lifts);
  const left = known.filter((finding) => finding.effect !== "mask" && !lifts(finding));
  const names = (some: typeof known): string[] => [...new Set(some.map(({ rule }) => rule))];
  const unmasks = lifted.some(({ effect }) => effect === "mask");
  return { lifted: names(lifted), left: names(left), unmasks, by: "found" };
}

function rulesOf({ findings }: Decision, effects: readonly string[]): string[] {
  return [...new Set(findings.filter(({ effect }) => effects.includes(effect)).map(({ rule }) => rule))];
}

class Tally {
  readonly #people = new Set<string>();
  readonly #examples: number;
  readonly #report: ExceptionBacktest;

  constructor(name: string, examples: number) {
    this.#examples = examples;
    this.#report = {
      ...{ name, matched: 0, through: 0, stopped: 0, unmasked: 0, idle: 0, unknown: 0, byFindings: 0 },
      ...{ who: [], people: 0, examples: [] },
    };
  }

  unknown(): void {
    this.#report.unknown++;
  }

  add({ decisionId, at, who, what }: RecordedDecision, lifted: Lifted | undefined): void {
    const report = this.#report;
    report.matched++;
    if (lifted === undefined) {
      report.unknown++;
      return;
    }
    if (lifted.by === "found") report.byFindings++;
    if (lifted.lifted.length === 0) {
      if (lifted.left.length > 0) report.stopped++;
      else report.idle++;
      return;
    }
    if (lifted.left.length > 0) report.stopped++;
    else if (lifted.unmasks) report.unmasked++;
    else report.through++;
    if (lifted.left.length === 0) this.#people.add(who);
    if (report.examples.length >= this.#examples) return;
    report.examples.push({ decisionId, at, who, what, lifted: lifted.lifted, left: lifted.left });
  }

  report(): ExceptionBacktest {
    return { ...this.#report, who: [...this.#people].slice(0, PEOPLE), people: this.#people.size };
  }
}
