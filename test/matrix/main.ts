/**
 * `npm run test:matrix`: every cell of policy-coverage.md through every path, as raw requests against the compiled
 * library. Exits 1 if a request is not answered as the table says.
 *
 *   --row TEXT       only rows whose name holds the text
 *   --cell TEXT      only cells whose name holds the text
 *   --all            lists every failure, not the first of each cell
 *   --rules FOLDER   other rules than the library's
 */
import { parseArgs } from "node:util";
import { compileBundle } from "../../engine/bundle/compile.ts";
import { ensureTool } from "../../tools/ensure.ts";
import { casesOf, judge, type Verdict } from "./judge.ts";
import { policies } from "./policies.ts";
import { ROWS } from "./rows.ts";

const { values } = parseArgs({
  options: {
    row: { type: "string" },
    cell: { type: "string" },
    all: { type: "boolean", default: false },
    rules: { type: "string", default: new URL("../../rego", import.meta.url).pathname },
  },
});
const has = (text: string, part: string | undefined): boolean =>
  part === undefined || text.toLowerCase().includes(part.toLowerCase());
const rows = ROWS.filter(({ name }) => has(name, values.row)).map((row) => ({
  ...row,
  cells: row.cells.filter(({ what }) => has(what, values.cell)),
}));

const { bundle } = await compileBundle({ sources: [values.rules], opa: await ensureTool("opa") });
const policyOf = policies(bundle);
let failed = 0;
let requests = 0;
for (const row of rows) {
  const paths = new Set<string>();
  const wrong: Verdict[] = [];
  let cases = 0;
  for (const one of casesOf([row])) {
    const verdict = await judge(one, await policyOf(row));
    cases++;
    paths.add(one.path);
    if (verdict.wrong !== undefined) wrong.push(verdict);
  }
  requests += 2 * cases;
  failed += wrong.length;
  const state = wrong.length === 0 ? "ok    " : "FAILED";
  const counts = `${row.cells.length} cells, ${paths.size} paths, ${cases} pairs`;
  process.stdout.write(`${state} ${row.name}: ${counts}${wrong.length === 0 ? "" : `, ${wrong.length} wrong`}\n`);
  const shown = new Set<string>();
  for (const { case: one, wrong: why } of wrong) {
    if (!values.all && shown.has(one.cell.what)) continue;
    shown.add(one.cell.what);
    process.stdout.write(`       ${one.cell.what}, ${one.path}: ${why}\n`);
  }
}
process.stdout.write(`${requests} requests, ${failed} pairs wrong\n`);
process.exitCode = failed === 0 && requests > 0 ? 0 : 1;
