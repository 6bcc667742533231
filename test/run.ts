/**
 * `npm test`: everything that must hold before a commit, in this order, ending with one line of counts. Exits 1
 * if anything failed, or was skipped without being named in test/skipped.json.
 *
 *   node test/run.ts          what has to pass each time
 *   node test/run.ts --all    also the tests that ask for SALLYPORT_TEST_ALL=1, since they take minutes, then
 *                             test:approvals, test:kill, test:durability and test:dialogue
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { command } from "./run/command.ts";
import { type AllowedSkip, type Outcome, single, skipMistakes } from "./run/outcome.ts";
import { policyCheck, policyTest } from "./run/policy.ts";
import { vitest } from "./run/vitest.ts";

interface Step {
  name: string;
  run: () => Promise<Outcome>;
}

const STEPS: Step[] = [
  { name: "biome", run: () => command("biome", ["check", "--error-on-warnings", "."]) },
  { name: "types", run: () => command("tsc", ["--noEmit"]) },
  { name: "policy check", run: policyCheck },
  { name: "policy test", run: policyTest },
  { name: "vitest, unit", run: () => vitest("unit", "shared") },
  ...(existsSync("test/e2e") ? [{ name: "vitest, end to end", run: () => vitest("e2e") }] : []),
];
const LONG_STEPS: Step[] = [
  { name: "model of approvals", run: () => command(process.execPath, ["test/approvals/model/main.ts"]) },
  { name: "kills", run: () => command(process.execPath, ["test/kill/main.ts"]) },
  { name: "durability", run: () => command(process.execPath, ["test/durability/main.ts"]) },
  { name: "dialogue", run: () => command(process.execPath, ["test/dialogue/suite/main.ts"]) },
];

async function attempt(step: Step): Promise<Outcome> {
  const started = Date.now();
  const outcome = await step.run().catch((error: unknown) => single(false, `${String(error)}\n`));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  process.stdout.write(`${outcome.failed === 0 ? "ok    " : "FAILED"} ${step.name} (${seconds} s)\n${outcome.output}`);
  return outcome;
}

process.chdir(new URL("..", import.meta.url).pathname);
const all = process.argv.includes("--all");
if (all) process.env.SALLYPORT_TEST_ALL = "1";
const outcomes: Outcome[] = [];
// One after the other: two cores are kept busy by vitest's workers alone, and timings stay comparable.
for (const step of all ? [...STEPS, ...LONG_STEPS] : STEPS) outcomes.push(await attempt(step));

const allowed = JSON.parse(await readFile("test/skipped.json", "utf8")) as AllowedSkip[];
const skipped = outcomes.flatMap((outcome) => outcome.skipped);
const mistakes = skipMistakes(
  allowed,
  skipped,
  outcomes.flatMap((outcome) => outcome.known),
);
for (const mistake of mistakes) process.stdout.write(`FAILED ${mistake}\n`);
const sum = (count: (outcome: Outcome) => number): number => outcomes.reduce((total, each) => total + count(each), 0);
const failed = sum((outcome) => outcome.failed) + mistakes.length;
process.stdout.write(`passed ${sum((outcome) => outcome.passed)}, failed ${failed}, skipped ${skipped.length}\n`);
process.exitCode = failed === 0 ? 0 : 1;
