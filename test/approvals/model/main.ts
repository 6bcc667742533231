/**
 * `npm run test:approvals`: the suite of behaviours on both homes, then the model on each, then the model with the
 * compare-and-swap removed, where it must fail. Exits 1 where anything is not as it must be.
 *
 *   --cases N      sequences on the double of GitHub (10,000); a twentieth of it on real git
 *   --seed N       another order of things
 *   --minutes N    how long each home may take, where the machine is busy; fewer sequences are a failure all the same
 *   --only NAME    one home of the model, without the suite: github, git, memory
 *   --output json
 */
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { COMMANDS } from "./commands.ts";
import { HOMES } from "./homes.ts";
import type { ModelResult } from "./model.ts";
import { runInProcesses } from "./pool.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    minutes: { type: "string" },
    only: { type: "string" },
    output: { type: "string", default: "text" },
  },
});
const [cases, seed] = [Number(values.cases), Number(values.seed)];
if (!Number.isSafeInteger(cases) || cases < 1 || !Number.isSafeInteger(seed)) {
  process.stderr.write("--cases and --seed are whole numbers\n");
  process.exit(2);
}
if (values.only !== undefined && HOMES[values.only] === undefined) {
  process.stderr.write(`there is no home ${values.only}; there are: ${Object.keys(HOMES).join(", ")}\n`);
  process.exit(2);
}

/** Sequences of each home, and how many processes run them: git waits for its own processes most of the time. */
const PARTS: Record<string, { cases: number; processes: number }> = {
  github: { cases, processes: availableParallelism() * 2 },
  memory: { cases: Math.ceil(cases / 5), processes: 2 },
  git: { cases: Math.ceil(cases / 20), processes: 4 },
};
/** Within how many sequences, of which seed, the model must find that nobody compares any more. */
const BROKEN_CASES = 500;
const BROKEN_SEED = 38;
const LEAST_MEDIAN = 12;
const LEAST_FIRED = 100;

const json = values.output === "json";
const failures: string[] = [];
const say = (line: string): void => void (json || process.stdout.write(`${line}\n`));
const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

function fail(what: string): void {
  failures.push(what);
  say(`FAILED ${what}`);
}

function suite(): void {
  const args = ["run", "--project", "unit", "test/approvals", "--exclude", "test/approvals/model/**"];
  const { status, stdout } = spawnSync("vitest", args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  say(stdout.trim().split("\n").slice(-6).join("\n"));
  if (status !== 0) fail("the suite of behaviours");
}

function report(name: string, { lengths, fired, states, failure }: ModelResult, wanted: number): void {
  const counts = (of: Record<string, number>): string =>
    Object.entries(of)
      .map(([what, count]) => `${what} ${count}`)
      .join(", ");
  say(`${name}: ${lengths.length} sequences, median length ${median(lengths)}`);
  say(`  happened: ${counts(fired)}`);
  say(`  became: ${counts(states)}`);
  if (failure !== undefined) {
    fail(`${name}: ${failure}`);
    return;
  }
  if (lengths.length < wanted) fail(`${name}: ${lengths.length} of ${wanted} sequences in ${values.minutes} minutes`);
  // What fewer sequences can promise is left to more of them.
  if (wanted < 500) return;
  if (median(lengths) < LEAST_MEDIAN) fail(`${name}: the median length is below ${LEAST_MEDIAN}`);
  const rare = [...COMMANDS, ...STATES].filter((what) => (fired[what] ?? states[what] ?? 0) < LEAST_FIRED);
  if (rare.length > 0) fail(`${name}: fewer than ${LEAST_FIRED} times: ${rare.join(", ")}`);
}

const STATES = ["approved", "consumed", "denied", "expired", "revoked"];

if (values.only === undefined) suite();
const results: Record<string, ModelResult> = {};
for (const name of Object.keys(HOMES).filter((one) => values.only === undefined || one === values.only)) {
  const { cases: wanted, processes } = PARTS[name] ?? { cases, processes: 1 };
  const until = values.minutes === undefined ? undefined : Date.now() + Number(values.minutes) * 60_000;
  const result = await runInProcesses({ home: name, cases: wanted, seed, processes, until });
  results[name] = result;
  report(name, result, wanted);
  const broken = await runInProcesses({
    home: name,
    cases: BROKEN_CASES,
    seed: BROKEN_SEED,
    processes: 1,
    withoutSwap: true,
  });
  const found = broken.failure?.split("\n").find((line) => line.includes(" was forwarded, "));
  if (found === undefined) fail(`${name}: nothing was found with the compare-and-swap removed`);
  else say(`  with the compare-and-swap removed it fails after ${broken.lengths.length} sequences: ${found}`);
}
if (json) process.stdout.write(`${JSON.stringify({ seed, results, failures })}\n`);
process.exitCode = failures.length === 0 ? 0 : 1;
