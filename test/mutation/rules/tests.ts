import { existsSync } from "node:fs";
import { bodyOf } from "../../../cli/policy/cases/case-file.ts";
import { mismatches } from "../../../cli/policy/cases/compare.ts";
import { listCases } from "../../../cli/policy/cases/list-cases.ts";
import { policyFor, requestOf } from "../../../cli/policy/cases/run-cases.ts";
import type { Bundle } from "../../../engine/bundle/bundle.ts";
import type { Decision, Finding, Policy } from "../../../engine/decision.ts";
import type { PolicyInput } from "../../../engine/input.ts";
import { explain } from "../../../proxy/explain/explain.ts";
import { casesOf, explained, wrongOfBad, wrongOfOk } from "../../matrix/judge.ts";
import { policies } from "../../matrix/policies.ts";
import { ROWS } from "../../matrix/rows.ts";

/** A request whose answer is known, as policy is asked it. */
export interface RuleTest {
  kind: "case" | "cell";
  name: string;
  input: PolicyInput;
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

/** The policy cases and the cells of the matrix, asked once. */
export async function ruleTests(bundle: Bundle, cases: readonly string[]): Promise<RuleTests> {
  const all: RuleTests = { tests: [], red: [] };
  await addCases(bundle, cases, all);
  await addCells(bundle, all);
  return all;
}

async function add(
  to: RuleTests,
  test: Omit<RuleTest, "input" | "found" | "inContainers">,
  input: PolicyInput | undefined,
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

async function addCases(bundle: Bundle, folders: readonly string[], to: RuleTests): Promise<void> {
  for (const one of await listCases(folders.filter((folder) => existsSync(folder)))) {
    const policy = await policyFor(one, bundle);
    const { input, decision } = await explain({ ...requestOf(one), body: await bodyOf(one) }, policy);
    const holds = (decided: Decision): boolean => mismatches(one, decided).length === 0;
    await add(to, { kind: "case", name: `${one.file}: ${one.name}`, policy, holds }, input, decision);
  }
}

/** Of a write one path for each verb: the others are the same question to policy. */
const PATHS: ReadonlySet<string> = new Set(["POST, JSON", "PUT, JSON", "merge patch"]);

async function addCells(bundle: Bundle, to: RuleTests): Promise<void> {
  const policyOf = policies(bundle);
  for (const one of casesOf(ROWS)) {
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
