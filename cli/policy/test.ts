import { writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { ConfigError } from "../../base/config/issues.ts";
import { UserError } from "../../base/errors.ts";
import type { Bundle } from "../../engine/bundle/bundle.ts";
import { compileStaged, prepareSources } from "../../engine/bundle/compile.ts";
import { listSources, type Staged, stageSources } from "../../engine/bundle/sources.ts";
import { didYouMeanRule } from "../../engine/guardrails-issues.ts";
import { ensureTool } from "../../tools/ensure.ts";
import type { Answer } from "../action.ts";
import type { LocatedCase } from "./cases/case-file.ts";
import { caseFolders, listCases } from "./cases/list-cases.ts";
import { type CaseResult, runCases } from "./cases/run-cases.ts";
import { coverage } from "./testing/coverage.ts";
import { parity } from "./testing/parity.ts";
import { renderReport } from "./testing/render.ts";
import { report, type TestReport } from "./testing/report.ts";
import { EVERYTHING, named, ofFolders, type Selection } from "./testing/selection.ts";
import { type UnitTest, unitTests } from "./testing/unit.ts";
import { wholeFolders } from "./whole-folders.ts";

export interface TestOptions {
  /** Percent of the lines of all rules that tests must reach. */
  threshold?: number;
  /** A rule's id, or part of the name of a test or of a case. */
  run?: string;
  /** Folders of cases; `policy-tests` in and beside the folders of rules where absent. */
  cases?: readonly string[];
  onProgress?: (text: string) => void;
}

/** `sallyport policy test`: exit 1 where a test or a case fails, the WASM answers otherwise, or coverage is too low. */
export async function test(rules: readonly string[], options: TestOptions = {}): Promise<Answer> {
  const { folders, own } = await wholeOf(rules);
  const cases = options.cases ?? (await caseFolders(rules));
  const selection = options.run === undefined ? own : named(options.run);
  const found = await testPolicy(folders, selection, { ...options, cases });
  if (found.tests.results.length + found.cases.passed + found.cases.failed === 0) {
    throw new UserError(
      options.run === undefined
        ? `there are no tests and no cases in ${rules.join(", ")}`
        : `no test, case or rule is called "${options.run}"`,
      { exitCode: 2, next: "Name a rule (workload/host-path), or part of the name of a test or of a case." },
    );
  }
  return { json: found, text: renderReport(found), exitCode: found.ok ? 0 : 1 };
}

/**
 * The folders that make a whole policy, and what of it is the person's own. Folders without a decision stand on the
 * library's, whose own tests are then not run.
 */
export async function wholeOf(
  folders: readonly string[],
): Promise<{ folders: readonly string[]; own: Selection | ((staged: Staged) => Selection) }> {
  const whole = await wholeFolders(folders);
  if (whole.length === folders.length) return { folders, own: EVERYTHING };
  const own = new Set((await listSources(folders, { tests: true })).map(({ path }) => dirname(path)));
  return { folders: whole, own: (staged) => ofFolders(own, staged) };
}

/** Tests in opa and again in the WASM, then the cases through the gateway's own steps and the built bundle. */
export async function testPolicy(
  folders: readonly string[],
  selection: Selection | ((staged: Staged) => Selection),
  options: TestOptions,
): Promise<TestReport> {
  const progress = options.onProgress ?? (() => undefined);
  const opa = await ensureTool("opa");
  await using staged = await stageSources(folders, { tests: true });
  const chosen = typeof selection === "function" ? selection(staged) : selection;
  const rules = await prepareSources(staged, opa);
  const data = { rules };
  await writeFile(join(staged.folder, "data.json"), JSON.stringify(data));
  progress("testing rules, in opa and in the WASM");
  const units = unitTests(staged, opa, chosen.tests);
  const parts = [
    units,
    units.then((found) => parity(staged, opa, found, data)),
    coverage(staged, opa, chosen.tests),
    casesOf(options.cases ?? (await caseFolders(folders)), chosen, () =>
      compileStaged(staged, rules, { sources: folders, opa }),
    ),
  ] as const;
  // Also where one fails: the others still work in the folder that then goes.
  await Promise.allSettled(parts);
  const [tests, wasm, covered, cases] = await Promise.all(parts);
  const folderByFile = new Map(staged.files.map(({ path, file }) => [file, dirname(path)]));
  return report({
    tests,
    wasm,
    cases,
    coverage: covered.filter(({ rule }) => chosen.covers(rule)),
    rules,
    folderOf: (one: UnitTest) => folderByFile.get(one.file) ?? dirname(relative(".", one.file)),
    whole: chosen === EVERYTHING,
    threshold: options.threshold ?? 0,
  });
}

async function casesOf(
  folders: readonly string[],
  selection: Selection,
  compile: () => Promise<{ bundle: Bundle }>,
): Promise<CaseResult[]> {
  const chosen = (await listCases(folders)).filter((one) => selection.cases(one));
  if (chosen.length === 0) return [];
  const { bundle } = await compile();
  aboutRules(chosen, Object.keys(bundle.rules));
  return runCases(chosen, bundle);
}

/** The finding that a case does not list must not be there: of which rule is said by its file's name. */
function aboutRules(cases: readonly LocatedCase[], ids: readonly string[]): void {
  // `request/<code>` is what the gateway refuses by itself.
  const known = (rule: string): boolean => ids.includes(rule) || rule.startsWith("request/");
  const unknown = new Map(cases.filter(({ rule }) => !known(rule)).map(({ rule, file }) => [file, rule]));
  if (unknown.size === 0) return;
  const issues = [...unknown].map(([file, rule]) => ({
    path: file,
    message: `there is no rule ${rule}; ${didYouMeanRule(rule, ids)}`,
  }));
  throw new ConfigError("policy-tests", issues);
}
