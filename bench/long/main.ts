/**
 * `npm run bench:long`: what a record of ten million events costs to read, and whether memory stays flat.
 *
 *   node bench/long/main.ts [--rows 10000000] [--soak 600] [--variants ROWS] [--keep FOLDER] [--output json] [--strict]
 *
 * `--variants` measures other order keys, codecs and projections on that many rows instead. `--keep` leaves the store
 * there, and takes it up again where it has as many rows; no rows or no seconds leave that part out.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { renderTable, verdict } from "../table.ts";
import { measureReads } from "./reads.ts";
import { soak } from "./soak.ts";
import { measureVariants } from "./variants.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "10000000" },
    soak: { type: "string", default: "600" },
    variants: { type: "string" },
    keep: { type: "string" },
    output: { type: "string", default: "text" },
    strict: { type: "boolean", default: false },
  },
});
const say = (what: string): void => void process.stderr.write(`bench:long: ${what}\n`);
const number = (name: "rows" | "soak" | "variants"): number => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`bench:long: --${name} ${values[name]}: must be a whole number\n`);
  process.exit(2);
};
const machine = { node: process.version, cores: cpus().length, loadBefore: loadavg()[0] ?? 0 };

if (values.variants !== undefined) {
  const variants = measureVariants(number("variants"), say);
  process.stdout.write(
    `${JSON.stringify({ ...machine, rows: number("variants"), variants, loadAfter: loadavg()[0] })}\n`,
  );
} else {
  const folder = values.keep ?? mkdtempSync(join(tmpdir(), "sallyport-long-"));
  const filled = existsSync(join(folder, "store"));
  const rows = number("rows") === 0 ? [] : await measureReads(folder, number("rows"), filled, say);
  if (values.keep === undefined) rmSync(folder, { recursive: true, force: true });
  if (number("soak") > 0) {
    const { seconds, events, early, late, most, parts } = await soak(number("soak"), say);
    rows.push({
      what: `memory after ${seconds} s against its second fifth`,
      value: late / early,
      unit: "times",
      aim: { at: "most", value: 1.1 },
      beside: `${parts}; most ${most.toFixed(0)} MiB; ${events} events`,
    });
  }
  const missed = rows.filter((row) => verdict(row) === "missed").length;
  if (values.output === "text") process.stdout.write(`${renderTable(rows)}\n\n`);
  const judged = rows.map((row) => ({ ...row, verdict: verdict(row) }));
  process.stdout.write(`${JSON.stringify({ ...machine, loadAfter: loadavg()[0], rows: judged, missed })}\n`);
  process.exitCode = values.strict && missed > 0 ? 1 : 0;
}
