import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { prepareSources } from "../../engine/bundle/compile.ts";
import { DISPATCH_FILE } from "../../engine/bundle/dispatch.ts";
import { errorsOf, runOpa } from "../../engine/bundle/opa.ts";
import { type Staged, stageSources } from "../../engine/bundle/sources.ts";
import { ensureTool } from "../../tools/ensure.ts";
import type { Answer } from "../action.ts";

interface Line {
  start: { row: number };
  end: { row: number };
}
interface Coverage {
  files?: Record<string, { covered_lines?: number; not_covered_lines?: number; not_covered?: Line[] }>;
}

/** `sallyport policy test`: opa's tests on the sources with the generated dispatch and `data.rules` beside them. */
export async function test(folders: readonly string[], threshold: number): Promise<Answer> {
  const opa = await ensureTool("opa");
  await using staged = await stageSources(folders, { tests: true });
  const rules = await prepareSources(staged, opa);
  await writeFile(join(staged.folder, "data.json"), JSON.stringify({ rules }));
  const tests = await runOpa(opa, ["test", "."], { cwd: staged.folder });
  const said = staged.original(errorsOf(tests));
  if (tests.code !== 0) return { json: { ok: false, output: said }, text: said, exitCode: 1 };
  const { percent, missing } = await coverage(staged, opa);
  const ok = percent >= threshold;
  const shown = ok ? [] : missing;
  const text = [said, ...shown, `coverage ${percent.toFixed(2)} %${ok ? "" : `, below ${threshold} %`}`].join("\n");
  return { json: { ok, output: said, coverage: percent, missing }, text, exitCode: ok ? 0 : 1 };
}

/** Of what people wrote: the generated dispatch has its own test. */
async function coverage(staged: Staged, opa: string): Promise<{ percent: number; missing: string[] }> {
  const { stdout } = await runOpa(opa, ["test", "--coverage", "."], { cwd: staged.folder });
  let covered = 0;
  let lines = 0;
  const missing: string[] = [];
  for (const [file, report] of Object.entries((JSON.parse(stdout) as Coverage).files ?? {})) {
    if (file === DISPATCH_FILE) continue;
    covered += report.covered_lines ?? 0;
    lines += (report.covered_lines ?? 0) + (report.not_covered_lines ?? 0);
    for (const range of report.not_covered ?? []) {
      const rows = range.start.row === range.end.row ? range.start.row : `${range.start.row}-${range.end.row}`;
      missing.push(`${staged.original(file)}:${rows} is not covered`);
    }
  }
  return { percent: lines === 0 ? 100 : (100 * covered) / lines, missing };
}
