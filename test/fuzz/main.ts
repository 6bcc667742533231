/**
 * `npm run fuzz`: every target of test/fuzz/targets, each a second time with its bug planted.
 *
 *   node test/fuzz/main.ts [--cases N] [--target NAME] [--seed N] [--no-planted] [--output json]
 *
 * Exits 1 on a difference, a crash, a planted bug that was not found, or where less than half was accepted.
 */
import { parseArgs } from "node:util";
import { failures, fuzzTargets, type Result, runTarget } from "./run-target.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000000" },
    target: { type: "string", multiple: true },
    seed: { type: "string", default: "1" },
    planted: { type: "boolean", default: true },
    output: { type: "string", default: "table" },
  },
  allowNegative: true,
});

function count(name: "cases" | "seed"): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value > 0) return value;
  process.stderr.write(`--${name} is a whole number above 0, not ${values[name]}\n`);
  return process.exit(2);
}

const cases = count("cases");
const seed = count("seed");
const all = await fuzzTargets();
const unknown = values.target?.filter((name) => !all.some((target) => target.name === name)) ?? [];
if (unknown.length > 0) {
  process.stderr.write(`no target ${unknown.join(", ")}; there are: ${all.map(({ name }) => name).join(", ")}\n`);
  process.exit(2);
}

const percent = (part: number, whole: number): string => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;

function row(result: Result): string {
  const found = result.plantFoundAfter;
  return [
    result.target.padEnd(14),
    String(result.cases).padStart(9),
    percent(result.accepted, result.cases).padStart(9),
    percent(result.refused, result.cases).padStart(9),
    result.seconds.toFixed(1).padStart(9),
    String(result.differences.length).padStart(12),
    String(result.crashes.length).padStart(8),
    values.planted ? `  ${found === null ? "NOT FOUND" : `found within ${found} cases`}` : "  not planted",
  ].join("");
}

const results: (Result & { failures: string[] })[] = [];
const table = values.output !== "json";
if (table) {
  process.stdout.write("target             cases accepted  refused  seconds differences crashes  planted bug\n");
}
for (const target of all) {
  if (values.target !== undefined && !values.target.includes(target.name)) continue;
  let shown = 0;
  const result = await runTarget(target, {
    cases,
    seed,
    planted: values.planted,
    onProgress: (sofar) => {
      if (sofar - shown < 50_000) return;
      shown = sofar;
      process.stderr.write(`${target.name}: ${sofar} of ${cases}\n`);
    },
  });
  const why = failures(result, { planted: values.planted });
  results.push({ ...result, failures: why });
  if (!table) continue;
  process.stdout.write(`${row(result)}\n`);
  for (const text of [...why, ...result.differences, ...result.crashes]) {
    process.stdout.write(`  ${text.replaceAll("\n", "\n    ")}\n`);
  }
}
if (!table) process.stdout.write(`${JSON.stringify({ seed, results })}\n`);
process.exitCode = results.some(({ failures: why }) => why.length > 0) ? 1 : 0;
