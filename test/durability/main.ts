/**
 * `npm run test:durability`: kill -9 of the gateway, of the recorder's thread and of the store's process inside each
 * step of recording and shipping, with a hundred exchanges under way; then the store away for a while, the disk full
 * and the clock stepped back. The agent's log, the API server's log and ClickHouse must agree on every exchange.
 * Exits 1 where they do not.
 *
 *   --times N       kills inside each of the five steps (10)
 *   --target NAME   only that one: gateway, worker, store, troubles
 *   --only TEXT     only the troubles whose name has it
 *   --output json
 */
import { parseArgs } from "node:util";
import { type Killed, killEach, killsOf, STEPS } from "./kills.ts";
import type { Target } from "./traps.ts";
import { TROUBLES } from "./troubles.ts";

const { values } = parseArgs({
  options: {
    times: { type: "string", default: "10" },
    target: { type: "string" },
    only: { type: "string" },
    output: { type: "string", default: "text" },
  },
});
const times = Number(values.times);
const targets = [...Object.keys(STEPS), "troubles"];
if (!Number.isSafeInteger(times) || times < 1) {
  process.stderr.write(`--times is a whole number above 0, not ${values.times}\n`);
  process.exit(2);
}
if (values.target !== undefined && !targets.includes(values.target)) {
  process.stderr.write(`there is no target ${values.target}; there are: ${targets.join(", ")}\n`);
  process.exit(2);
}

const results: Record<string, Killed> = {};
const troubles: Record<string, string[]> = {};
const text = values.output === "text";
for (const target of targets.filter((one) => values.target === undefined || values.target === one)) {
  if (target === "troubles") {
    for (const [name, trouble] of Object.entries(TROUBLES)) {
      if (!name.includes(values.only ?? "")) continue;
      process.stderr.write(`${name}\n`);
      const wrong = await trouble();
      troubles[name] = wrong;
      if (text) process.stdout.write(`${name}: ${wrong.length === 0 ? "all logs agree" : "FAILED"}\n`);
      for (const what of wrong) if (text) process.stdout.write(`FAILED ${name}: ${what}\n`);
    }
    continue;
  }
  let fell = 0;
  const result = await killEach(killsOf(target as Target, times), ({ step, moment }) => {
    process.stderr.write(`${target}: kill ${++fell}, ${step}: ${moment}\n`);
  });
  results[target] = result;
  if (!text) continue;
  const { kills, exchanges, outcomesUnderWay, disk, histogram, wrong } = result;
  process.stdout.write(`${target}: ${kills} kills, ${exchanges} exchanges, ${outcomesUnderWay} outcomes under way\n`);
  process.stdout.write(
    `  outcomes on disk: ${disk.batches} batches, ${disk.late} after more than 50 ms, the slowest after ${disk.slowestMs} ms\n`,
  );
  for (const [step, moments] of Object.entries(histogram)) {
    const count = Object.values(moments).reduce((sum, one) => sum + one, 0);
    const each = Object.entries(moments).map(([moment, one]) => `${moment} ${one}`);
    process.stdout.write(
      `  ${step.padEnd(18)} ${String(count).padStart(3)} ${"#".repeat(count)}  ${each.join(", ")}\n`,
    );
  }
  for (const what of wrong) process.stdout.write(`FAILED ${target}: ${what}\n`);
}
if (!text) process.stdout.write(`${JSON.stringify({ ...results, troubles })}\n`);
const wrong = [...Object.values(results).map((result) => result.wrong), ...Object.values(troubles)].flat();
process.exitCode = wrong.length > 0 ? 1 : 0;
