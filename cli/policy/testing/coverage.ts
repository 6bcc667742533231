import { dirname } from "node:path";
import { DISPATCH_FILE } from "../../../engine/bundle/dispatch.ts";
import { runOpa } from "../../../engine/bundle/opa.ts";
import type { Staged } from "../../../engine/bundle/sources.ts";

/** Of the lines of one rule, or of one folder of shared Rego, those that a test reaches. */
export interface RuleCoverage {
  /** The rule's id, or the folder: `workload/host-path`, `lib`. */
  rule: string;
  covered: number;
  lines: number;
  /** Files and lines that no test reaches. */
  missing: { file: string; from: number; to: number }[];
}

interface Range {
  start: { row: number };
  end: { row: number };
}
interface Report {
  files?: Record<string, { covered_lines?: number; not_covered_lines?: number; not_covered?: Range[] }>;
}

/**
 * Coverage by rule of what people wrote, tests aside: the generated dispatch has its own test.
 *
 * @param pattern the tests that are run, as of opa's --run.
 */
export async function coverage(staged: Staged, opa: string, pattern?: string): Promise<RuleCoverage[]> {
  const chosen = pattern === undefined ? [] : ["--run", pattern];
  // Its further passes only say why a line was not reached, and take as long as the first.
  const args = ["test", "--coverage", "--coverage-runs", "", "--ignore", ".*", ...chosen, "."];
  const { stdout } = await runOpa(opa, args, { cwd: staged.folder });
  // Where a test fails, opa prints that in place of the coverage.
  if (!stdout.startsWith("{")) return [];
  const rules = new Map<string, RuleCoverage>();
  for (const [file, report] of Object.entries((JSON.parse(stdout) as Report).files ?? {})) {
    if (file === DISPATCH_FILE || file.endsWith("_test.rego")) continue;
    const rule = dirname(file);
    const found = rules.get(rule) ?? { rule, covered: 0, lines: 0, missing: [] };
    rules.set(rule, found);
    found.covered += report.covered_lines ?? 0;
    found.lines += (report.covered_lines ?? 0) + (report.not_covered_lines ?? 0);
    found.missing.push(...merged(staged.original(file), report.not_covered ?? []));
  }
  return [...rules.values()].sort((a, b) => (a.rule < b.rule ? -1 : 1));
}

/** opa counts expressions; a person looks for lines. */
function merged(file: string, ranges: readonly Range[]): RuleCoverage["missing"] {
  const found: RuleCoverage["missing"] = [];
  const sorted = ranges
    .map(({ start, end }) => ({ file, from: start.row, to: end.row }))
    .sort((a, b) => a.from - b.from);
  for (const range of sorted) {
    const last = found.at(-1);
    if (last !== undefined && range.from <= last.to + 1) last.to = Math.max(last.to, range.to);
    else found.push(range);
  }
  return found;
}

/** Of all rules together, 0 to 100. */
export function percentOf(rules: readonly RuleCoverage[]): number {
  const lines = rules.reduce((sum, rule) => sum + rule.lines, 0);
  return lines === 0 ? 100 : (100 * rules.reduce((sum, rule) => sum + rule.covered, 0)) / lines;
}
