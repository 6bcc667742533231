import { existsSync } from "node:fs";
import { mismatches } from "../../../cli/policy/cases/compare.ts";
import { listCases } from "../../../cli/policy/cases/list-cases.ts";
import { explainCase, policyFor } from "../../../cli/policy/cases/run-cases.ts";
import type { Bundle } from "../../../engine/bundle/bundle.ts";
import type { Decision, Finding, Policy } from "../../../engine/decision.ts";
import { casesOf, explained, wrongOfBad, wrongOfOk } from "../../matrix/judge.ts";
import { type Pair, pairsOf } from "../../matrix/paths.ts";
import { everyValue, everywhere, type FieldCell, rowOf } from "../../matrix/pod-security/cells.ts";
import { policies } from "../../matrix/policies.ts";
import { ROWS } from "../../matrix/rows.ts";
import type { Question } from "./mutants.ts";

/** A request whose answer is known, as policy is asked it. */
export interface RuleTest {
  kind: "case" | "cell";
  name: string;
  input: Question;
  policy: Policy;
  /** Ids of the rules that find something in it. */
  found: ReadonlySet<string>;
  /** Ids of the rules that find it in a container. */
  inContainers: ReadonlySet<string>;
  /** Whether a decision is the one that is expected. */
  holds(decision: Decision): boolean;
}

const CONTAINER = /\b(containers|initContainers|ephemeralContainers)\[/;

export interface RuleTests {
  tests: RuleTest[];
  /** Those that fail without any mutation: they prove nothing. */
  red: string[];
}

/** The policy cases and the cells of both matrices that have to do with these rules, asked once. */
export async function ruleTests(
  bundle: Bundle,
  cases: readonly string[],
  wanted: (rule: string) => boolean,
): Promise<RuleTests> {
  const rules = Object.keys(bundle.rules).filter(wanted);
  const all: RuleTests = { tests: [], red: [] };
  await addCases(bundle, cases, rules, all);
  await addCells(bundle, rules, all);
  if (rules.some((rule) => rule.startsWith("pod-security/"))) await addFields(bundle, all);
  return all;
}

async function add(
  to: RuleTests,
  test: Omit<RuleTest, "input" | "found" | "inContainers">,
  input: Question | undefined,
  decision: Decision,
): Promise<void> {
  if (!test.holds(decision)) to.red.push(`${test.kind} ${test.name}`);
  // What is refused before policy says nothing of rules.
  else if (input !== undefined && test.holds(await test.policy.decide(input))) {
    const ids = (findings: readonly Finding[]): Set<string> => new Set(findings.map(({ rule }) => rule));
    const inContainers = ids(decision.findings.filter(({ fields }) => fields.some((field) => CONTAINER.test(field))));
    to.tests.push({ ...test, input, found: ids(decision.findings), inContainers });
  }
}

async function addCases(
  bundle: Bundle,
  folders: readonly string[],
  rules: readonly string[],
  to: RuleTests,
): Promise<void> {
  const made = new Map<string, Policy>();
  const about = (file: string): boolean => rules.some((rule) => file.startsWith(rule));
  for (const one of await listCases(
    folders.filter((folder) => existsSync(folder)),
    about,
  )) {
    const key = JSON.stringify(one.given.guardrails ?? {});
    const policy = await (made.get(key) ?? policyFor(one, bundle));
    made.set(key, policy);
    const { input, dialogue, decision } = await explainCase(one, policy);
    const holds = (decided: Decision): boolean => mismatches(one, decided).length === 0;
    await add(to, { kind: "case", name: `${one.file}: ${one.name}`, policy, holds }, input ?? dialogue, decision);
  }
}

/** Of a write one path for each verb, and what is kept: the others are the same question to policy. */
const PATHS: ReadonlySet<string> = new Set(["POST, JSON", "PUT, JSON", "merge patch", "PUT of what is stored"]);

async function addCells(bundle: Bundle, rules: readonly string[], to: RuleTests): Promise<void> {
  const policyOf = policies(bundle);
  for (const one of casesOf(ROWS.filter((row) => rules.some((rule) => row.rule.test(rule))))) {
    if (one.cell.kind === "write" && !PATHS.has(one.path)) continue;
    const policy = await policyOf(one.row);
    const name = `${one.row.name}: ${one.cell.what}, ${one.path}`;
    const bad = await explained(one.bad, one.cell, policy);
    const found = { kind: "cell", name, policy, holds: (d: Decision) => wrongOfBad(one, d) === undefined } as const;
    await add(to, found, bad.input, bad.decision);
    const ok = await explained(one.ok, one.cell, policy);
    const passes = {
      kind: "cell",
      name: `${name}, negative`,
      policy,
      holds: (d: Decision) => wrongOfOk(one, d) === undefined,
    } as const;
    await add(to, passes, ok.input, ok.decision);
  }
}

/** Every field of the Pod Security Standards in every kind, as it is created and as it is kept. */
async function addFields(bundle: Bundle, to: RuleTests): Promise<void> {
  const policyOf = policies(bundle);
  const pathsOf = (one: FieldCell): Pair[] =>
    pairsOf(one.cell).filter(({ path }) => path === "POST, JSON" || path === "PUT of what is stored");
  for (const level of ["baseline", "restricted"] as const) {
    const policy = await policyOf(rowOf(level));
    for (const one of [...everywhere(level), ...everyValue(level)]) {
      for (const pair of pathsOf(one)) {
        const name = `pod-security/${level}: ${one.cell.what}, ${pair.path}`;
        const bad = await explained(pair.bad, one.cell, policy);
        const holds = ({ effect, findings }: Decision): boolean =>
          effect === "deny" &&
          findings.every(({ rule }) => rule === one.control.rule) &&
          findings.some(({ fields }) => fields.includes(one.found));
        await add(to, { kind: "cell", name, policy, holds }, bad.input, bad.decision);
        const ok = await explained(pair.ok, one.cell, policy);
        const passes = ({ effect }: Decision): boolean => effect === "allow";
        await add(to, { kind: "cell", name: `${name}, negative`, policy, holds: passes }, ok.input, ok.decision);
      }
    }
  }
}
