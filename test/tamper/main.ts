/**
 * `npm run test:tamper`: edits exports and stores as somebody who has the database and the code but no key, and
 * verifies each. Exits 1 where one was not found and located, or where an untouched record did not pass.
 *
 *   node test/tamper/main.ts [--cases 1000] [--untouched 100] [--seed 1]
 */
import { parseArgs } from "node:util";
import { openRecord, tamper } from "./tamper.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "1000" },
    untouched: { type: "string", default: "100" },
    seed: { type: "string", default: "1" },
  },
});
const [cases, untouched, seed] = [Number(values.cases), Number(values.untouched), Number(values.seed)];
const started = Date.now();
const record = await openRecord(3);
const progress = (done: number): void => {
  if (done % 100 === 0) process.stderr.write(`${done} of ${cases} edits\n`);
};
const { counts, alarms, misses } = await tamper(record, { cases, untouched, seed, progress }).finally(record.close);
process.stdout.write("edit                        cases  found  located  named\n");
for (const [key, count] of [...counts].sort()) {
  const numbers = [count.cases, count.found, count.located, count.named].map((n, i) =>
    String(n).padStart([5, 6, 8, 6][i] ?? 6),
  );
  process.stdout.write(`${key.padEnd(28)}${numbers.join(" ")}\n`);
}
for (const miss of misses.slice(0, 50)) process.stdout.write(`MISSED ${miss}\n`);
for (const alarm of alarms.slice(0, 10)) process.stdout.write(`FALSE ALARM ${alarm}\n`);
const ok = misses.length === 0 && alarms.length === 0;
process.stdout.write(
  `${ok ? "ok" : "FAILED"}: ${cases - misses.length} of ${cases} edits found, named and located; ${untouched - alarms.length} of ${untouched} untouched records passed (${Math.round((Date.now() - started) / 1000)} s)\n`,
);
process.exitCode = ok ? 0 : 1;
