import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { compileBundle } from "../../../engine/bundle/compile.ts";
import { instrument } from "./instrument.ts";
import { type Mutant, mutantsOf, type Question } from "./mutants.ts";
import { noticedByRegoTest } from "./rego-test.ts";
import { type RuleTest, ruleTests } from "./tests.ts";

export interface Verdict {
  mutant: Mutant;
  /** The request that notices, of a case or a cell. */
  by?: RuleTest;
  /** No request notices it, and a Rego test beside the rule does. */
  byRego: boolean;
}

export interface Run {
  verdicts: Verdict[];
  tests: { cases: number; cells: number };
  /** Tests that fail without any mutation. */
  red: string[];
}

export interface RunOptions {
  rules: string;
  cases: readonly string[];
  opa: string;
  /** Only the mutants of these rules, judged by what has to do with them. */
  wanted?(rule: string): boolean;
}

/** Judges every mutant by the tests that its rule has something to do with. */
export async function runMutants({ rules, cases, opa, wanted = () => true }: RunOptions): Promise<Run> {
  const instrumented = await instrument(rules, opa);
  const { files, mutants: bodies } = instrumented;
  const bundle = await compiled(files, opa);
  const { tests, red } = await ruleTests(bundle, cases, wanted);
  const reads = new Set(tests.flatMap(({ inContainers }) => [...inContainers]));
  const mutants = mutantsOf(bundle.rules, bodies, (rule) => reads.has(rule)).filter(({ rule }) => wanted(rule));
  const verdicts: Verdict[] = [];
  for (const mutant of mutants) {
    const by = await killer(mutant, tests);
    const { rule, id } = mutant;
    const byRego =
      by === undefined && id !== undefined && (await noticedByRegoTest(rules, instrumented, { rule, id }, opa));
    verdicts.push({ mutant, ...(by === undefined ? {} : { by }), byRego });
  }
  const count = (kind: RuleTest["kind"]): number => tests.filter((test) => test.kind === kind).length;
  return { verdicts, tests: { cases: count("case"), cells: count("cell") }, red };
}

async function compiled(files: Map<string, string>, opa: string): ReturnType<typeof compileOnly> {
  const folder = await mkdtemp(join(tmpdir(), "sallyport-rules-"));
  try {
    for (const [path, source] of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), source);
    }
    return await compileOnly(folder, opa);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const compileOnly = async (folder: string, opa: string): Promise<Awaited<ReturnType<typeof compileBundle>>["bundle"]> =>
  (await compileBundle({ sources: [folder], opa })).bundle;

/** The first test that answers otherwise: cases before cells, and those that the rule finds something in before others. */
async function killer(mutant: Mutant, tests: readonly RuleTest[]): Promise<RuleTest | undefined> {
  const positives = tests.filter(({ found }) => found.has(mutant.rule));
  const others = tests.filter(({ found, input }) => !found.has(mutant.rule) && mutant.mayFind(input));
  for (const test of [...positives, ...others]) {
    const finds = async (input: Question): Promise<boolean> =>
      (await test.policy.decide(input)).findings.some(({ rule }) => rule === mutant.rule);
    const asked = await mutant.ask(test.input, finds);
    if (asked !== undefined && !test.holds(await test.policy.decide(asked))) return test;
  }
  return undefined;
}
