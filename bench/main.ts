/**
 * `npm run bench`: what the gateway costs, in one run, with one client, against a `serve` of its own process.
 * Exits 1 where a request failed or the record is not whole; a missed aim is printed, and fails only with --strict.
 *
 *   node bench/main.ts [--only requests,lists,watches,dialogue,policy,approvals,recorder,exec] [--output json] [--strict] [--no-build]
 */
import { spawnSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { benchAll, PARTS } from "./all.ts";
import { type Row, renderTable, verdict } from "./table.ts";

const { values } = parseArgs({
  options: {
    output: { type: "string", default: "text" },
    strict: { type: "boolean", default: false },
    only: { type: "string" },
    "no-build": { type: "boolean", default: false },
  },
});

const parts = values.only?.split(",") ?? Object.keys(PARTS);
const unknown = parts.find((part) => PARTS[part] === undefined);
if (unknown !== undefined) {
  process.stderr.write(`bench: there is no part ${unknown}; it has ${Object.keys(PARTS).join(", ")}\n`);
  process.exit(2);
}

if (!values["no-build"]) build();
const load = loadavg()[0] ?? 0;
const started = Date.now();
const { rows, mistakes } = await benchAll(parts, (what) => process.stderr.write(`bench: ${what}\n`));
const missed = rows.filter((row) => verdict(row) === "missed");
const report = {
  node: process.version,
  cores: cpus().length,
  loadBefore: load,
  seconds: Math.round((Date.now() - started) / 1000),
  rows: rows.map((row: Row) => ({ ...row, verdict: verdict(row) })),
  missed: missed.length,
  mistakes,
};
if (values.output === "text") process.stdout.write(`${renderTable(rows)}\n\n`);
process.stdout.write(`${JSON.stringify(report)}\n`);
if (load > cpus().length / 2) {
  process.stderr.write(
    `bench: the machine was busy before (load ${load.toFixed(1)}); figures of a quiet one are better\n`,
  );
}
for (const mistake of mistakes) process.stderr.write(`bench: ${mistake}\n`);
process.exitCode = mistakes.length > 0 || (values.strict && missed.length > 0) ? 1 : 0;

function build(): void {
  const script = fileURLToPath(new URL("../tools/build.ts", import.meta.url));
  const { status } = spawnSync(process.execPath, [script], { stdio: ["ignore", 2, "inherit"] });
  if (status !== 0) process.exit(3);
}
