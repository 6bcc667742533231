import type { CaseResult } from "../cases/run-cases.ts";
import { shownPath } from "../shown-path.ts";
import type { RuleCoverage } from "./coverage.ts";
import { percentOf } from "./coverage.ts";
import type { RuleRow, TestReport } from "./report.ts";
import type { UnitTest } from "./unit.ts";

/** More of an input than this hides what failed. */
const INPUT_LINES = 120;
const COLUMN = 64;

/** A report for people: what was printed, what failed, then the table of rules, and one line at the end. */
export function renderReport(report: TestReport): string {
  const { tests, wasm, cases, rules } = report;
  return [
    ...tests.results.flatMap(printed),
    ...tests.results.filter((one) => one.outcome === "failed").map(failedTest),
    ...wasm.differences.map(
      (one) =>
        `DIFFERS ${at(one)}: ${one.test}\n${columns([
          ["", "opa", "WASM"],
          ["answer", one.native, one.wasm],
        ])}\n        The gateway decides as the WASM does: say it another way.`,
    ),
    ...wasm.notRun.map((one) => `opa only ${at(one)}: ${one.test} did not run in the WASM: ${one.reason}`),
    ...cases.failures.map(failedCase),
    ...rules.flatMap((row) => uncovered(row.coverage)),
    table(rules),
    lastLine(report),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function at({ file, row }: { file: string; row: number }): string {
  return `${shownPath(file)}:${row}`;
}

function printed(one: UnitTest): string[] {
  if (one.printed === undefined) return [];
  return [`printed ${at(one)}: ${one.name}\n${indented(one.printed.trimEnd())}`];
}

function failedTest(one: UnitTest): string {
  const cases = Object.entries(one.cases ?? {}).filter(([, passed]) => !passed);
  return [
    `FAILED  ${at(one)}: ${one.name}`,
    ...(one.error === undefined ? [] : [indented(one.error)]),
    ...(cases.length === 0 ? [] : [indented(`cases that fail: ${cases.map(([name]) => name).join(", ")}`)]),
    ...(one.detail === undefined || one.detail === "" ? [] : [one.detail]),
  ].join("\n");
}

function failedCase({ case: one, mismatches, explanation }: CaseResult): string {
  const { findings } = explanation.decision;
  const asked = explanation.input ?? explanation.dialogue;
  return [
    `FAILED  ${at({ file: one.file, row: one.line })}: ${one.name}`,
    `        ${askedOf(one)}`,
    columns([["", "expected", "got"], ...mismatches.map(({ what, expected, got }) => [what, expected, got])]),
    "        what was found:",
    ...(findings.length === 0 ? ["          nothing"] : []),
    ...findings.map(
      ({ rule, effect, message, fields }) => `          ${rule} (${effect}): ${message} ${fields.join(", ")}`,
    ),
    asked === undefined
      ? "        policy was not asked: the request is refused before it"
      : `        the input that policy was shown:\n${shortened(JSON.stringify(asked, undefined, 2))}`,
  ].join("\n");
}

function askedOf({ request, tool, dialogue }: CaseResult["case"]): string {
  if (tool !== undefined) return `tool ${tool.name}`;
  return dialogue === undefined ? `${request.method} ${request.path}` : `dialogue with ${dialogue.model}`;
}

function shortened(json: string): string {
  const lines = json.split("\n");
  const more = lines.length - INPUT_LINES;
  const shown = more > 0 ? [...lines.slice(0, INPUT_LINES), `… ${more} lines more with --output json`] : lines;
  return indented(shown.join("\n"));
}

/** Rows of a name, and two texts of several lines side by side; one below the other where they are too wide. */
function columns(rows: string[][]): string {
  const width = Math.max(...rows.flatMap(([, left = ""]) => left.split("\n").map((line) => line.length)));
  const narrow = width <= COLUMN;
  return rows
    .flatMap(([name = "", left = "", right = ""]) => {
      if (!narrow) return name === "" ? [] : [row(name, "expected", left), row("", "got", right)];
      const lefts = left.split("\n");
      const rights = right.split("\n");
      return Array.from({ length: Math.max(lefts.length, rights.length) }, (_, i) =>
        row(i === 0 ? name : "", (lefts[i] ?? "").padEnd(width), rights[i] ?? ""),
      );
    })
    .join("\n");
}

function row(name: string, left: string, right: string): string {
  return `        ${name.padEnd(9)}${left}  ${right.replaceAll("\n", "\n                   ")}`.trimEnd();
}

function uncovered(coverage: RuleCoverage | undefined): string[] {
  return (coverage?.missing ?? []).map(
    ({ file, from, to }) => `${shownPath(file)}:${from === to ? from : `${from}-${to}`} is reached by no test`,
  );
}

function table(rows: readonly RuleRow[]): string {
  const width = Math.max(4, ...rows.map(({ rule }) => rule.length));
  const line = (rule: string, tests: string, cases: string, coverage: string): string =>
    `${rule.padEnd(width)}  ${tests.padStart(5)}  ${cases.padStart(5)}  ${coverage.padStart(9)}`;
  return [
    line("rule", "tests", "cases", "coverage"),
    ...rows.map(({ rule, shared, tests, cases, coverage }) =>
      line(
        rule,
        String(tests),
        shared ? "" : String(cases),
        coverage === undefined ? "" : percent(percentOf([coverage])),
      ),
    ),
  ].join("\n");
}

function lastLine({ ok, tests, wasm, cases, rules, coverage, threshold }: TestReport): string {
  const own = rules.filter(({ shared }) => !shared);
  const without = own.filter((one) => one.cases === 0).length;
  const of = (count: number, thing: string): string => `${count} ${thing}${count === 1 ? "" : "s"}`;
  const parts = [
    of(own.length, "rule"),
    `${of(tests.passed, "test")} passed${tests.failed > 0 ? `, ${tests.failed} failed` : ""}${tests.skipped > 0 ? `, ${tests.skipped} skipped` : ""}`,
    `${wasm.same} alike in the WASM${wasm.differences.length > 0 ? `, ${wasm.differences.length} not` : ""}${wasm.notRun.length > 0 ? `, ${wasm.notRun.length} not run` : ""}`,
    `${of(cases.passed, "case")} passed${cases.failed > 0 ? `, ${cases.failed} failed` : ""}${without > 0 ? `, ${of(without, "rule")} without` : ""}`,
    coverage === undefined
      ? "coverage not told"
      : `coverage ${percent(coverage)}${coverage < threshold ? `, below ${threshold} %` : ""}`,
  ];
  return `${ok ? "ok" : "FAILED"}: ${parts.join("; ")}`;
}

/** Never rounded up to 100. */
function percent(value: number): string {
  return value === 100 ? "100 %" : `${(Math.floor(value * 100) / 100).toFixed(2)} %`;
}

function indented(text: string): string {
  return text.replace(/^/gm, "          ");
}
