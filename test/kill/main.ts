/**
 * `npm run test:kill`: kill -9 of a gateway at least ten times inside each step of a held request, on each home. Prints
 * where the kills fell. Exits 1 where anything was forwarded unapproved or twice, or a pending approval was lost.
 *
 *   --times N      kills in each step (10)
 *   --home NAME    only that one: embedded, github
 *   --only STEP    only that step, as the histogram names it; may be given several times
 *   --output json
 */
import { parseArgs } from "node:util";
import { HOMES } from "./homes.ts";
import { type KillResult, killEverywhere } from "./kill.ts";
import { STEPS } from "./steps.ts";
import { openWorld } from "./world.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "10" },
    home: { type: "string" },
    only: { type: "string", multiple: true },
    output: { type: "string", default: "text" },
  },
});
const times = Number(values.times);
if (!Number.isSafeInteger(times) || times < 1) {
  process.stderr.write(`--times is a whole number above 0, not ${values.times}\n`);
  process.exit(2);
}
if (values.home !== undefined && HOMES[values.home] === undefined) {
  process.stderr.write(`there is no home ${values.home}; there are: ${Object.keys(HOMES).join(", ")}\n`);
  process.exit(2);
}

const homes = Object.entries(HOMES).filter(([name]) => values.home === undefined || values.home === name);
const stepsOf = (home: string): string[] => (STEPS[home] ?? []).map(({ name }) => name);
const known = new Set(homes.flatMap(([name]) => stepsOf(name)));
const { only = [] } = values;
const unknown = only.find((step) => !known.has(step));
if (unknown !== undefined) {
  process.stderr.write(`there is no step ${unknown}; there are: ${[...known].join("; ")}\n`);
  process.exit(2);
}

const results: Record<string, KillResult> = {};
for (const [name, home] of homes) {
  if (only.length > 0 && !stepsOf(name).some((step) => only.includes(step))) continue;
  let fell = 0;
  const onKill = (step: string): void => {
    process.stderr.write(`${name}: kill ${++fell}, while ${step}\n`);
  };
  const result = await killEverywhere(() => openWorld(home), { times, only, onKill });
  results[name] = result;
  if (values.output === "json") continue;
  process.stdout.write(`${name}: ${result.kills} kills\n`);
  for (const [step, count] of Object.entries(result.histogram)) {
    process.stdout.write(`  ${step.padEnd(26)} ${String(count).padStart(3)} ${"#".repeat(count)}\n`);
  }
  for (const what of result.wrong) process.stdout.write(`FAILED ${name}: ${what}\n`);
}
if (values.output === "json") process.stdout.write(`${JSON.stringify(results)}\n`);
process.exitCode = Object.values(results).some(({ wrong }) => wrong.length > 0) ? 1 : 0;
