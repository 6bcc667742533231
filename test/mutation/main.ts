/**
 * `npm run test:mutation`: puts each known failure back into a copy of the code, and runs the test that must see it.
 * Exits 1 if one stays green.
 *
 *   --cases N        only the first N (all)
 *   --id TEXT        only those whose ids hold the text
 *   --output json    the result as JSON
 */
import { parseArgs } from "node:util";
import { copyTree, type Verdict } from "./mutate.ts";
import { type Mutation, mutations } from "./mutations.ts";

const { values } = parseArgs({
  options: { cases: { type: "string" }, id: { type: "string" }, output: { type: "string", default: "table" } },
});
const wanted = mutations
  .filter(({ ids }) => values.id === undefined || ids.join(" ").includes(values.id))
  .slice(0, values.cases === undefined ? undefined : Number(values.cases));

const results: (Pick<Mutation, "ids" | "change" | "file"> & { test: string; verdict: Verdict })[] = [];
const copy = await copyTree();
try {
  for (const [i, mutation] of wanted.entries()) {
    process.stderr.write(`${i + 1}/${wanted.length} ${mutation.ids.join(", ")}: ${mutation.change}\n`);
    const { ids, change, file, test } = mutation;
    // A change that no longer applies is one that nobody knows to be seen.
    const verdict = await copy.judge(mutation).catch((error: unknown): Verdict => {
      process.stderr.write(`${String(error)}\n`);
      return "broken";
    });
    results.push({ ids, change, file, test: `${test.file} > ${test.title}`, verdict });
  }
} finally {
  copy.remove();
}

const missed = results.filter(({ verdict }) => verdict !== "red");
if (values.output === "json") {
  process.stdout.write(`${JSON.stringify({ results, missed: missed.length }, null, 2)}\n`);
} else {
  for (const { ids, change, file, test, verdict } of results)
    process.stdout.write(`${verdict.padEnd(6)} ${ids.join(", ")}: ${file}: ${change}\n       ${test}\n`);
  process.stdout.write(
    `${results.length} changes, ${results.length - missed.length} seen, ${missed.length} not seen\n`,
  );
}
process.exitCode = missed.length === 0 && results.length > 0 ? 0 : 1;
