/**
 * The second half of `npm run test:mutation`: breaks each rule in the ways that rules break, and asks every policy case
 * and every cell of the matrix whether it notices. Exits 1 if a mutant survives.
 *
 *   --rule TEXT      only rules whose ids hold the text
 *   --rules FOLDER   other rules than the library's
 *   --output json
 */
import { parseArgs } from "node:util";
import { ensureTool } from "../../../tools/ensure.ts";
import { runMutants, type Verdict } from "./run.ts";

const path = (relative: string): string => new URL(`../../../${relative}`, import.meta.url).pathname;
const { values } = parseArgs({
  options: {
    rule: { type: "string", default: "" },
    rules: { type: "string", default: path("rego") },
    output: { type: "string", default: "table" },
  },
});
const { verdicts, tests, red } = await runMutants({
  rules: values.rules,
  cases: [path("policy-tests")],
  opa: await ensureTool("opa"),
  wanted: (rule) => rule.includes(values.rule),
});
const lives = ({ by, byRego }: Verdict): boolean => by === undefined && !byRego;
const survivors = verdicts.filter(lives);
const byRule = Map.groupBy(verdicts, ({ mutant }) => mutant.rule);

if (values.output === "json") {
  const results = verdicts.map(({ mutant: { rule, family, change }, by, byRego }) => {
    return { rule, family, change, by: by?.name ?? (byRego ? "a Rego test" : undefined) };
  });
  process.stdout.write(`${JSON.stringify({ results, tests, red, survivors: survivors.length }, null, 2)}\n`);
} else {
  for (const [rule, all] of byRule) {
    const killed = all.filter((one) => !lives(one));
    const cases = killed.filter(({ by }) => by?.kind === "case").length;
    process.stdout.write(
      `${killed.length === all.length ? "ok    " : "ALIVE "} ${rule}: ${killed.length} of ${all.length} killed, ${cases} by its cases\n`,
    );
    for (const one of all) {
      const said = `${one.mutant.family}: ${one.mutant.change}\n`;
      if (lives(one)) process.stdout.write(`       survives: ${said}`);
      else if (one.byRego) process.stdout.write(`       by a Rego test alone: ${said}`);
    }
  }
  for (const name of red) process.stdout.write(`fails as it is: ${name}\n`);
  const score = ((100 * (verdicts.length - survivors.length)) / Math.max(1, verdicts.length)).toFixed(1);
  process.stdout.write(
    `${verdicts.length} mutants of ${byRule.size} rules, ${survivors.length} survive: ${score} %, ${verdicts.filter(({ byRego }) => byRego).length} by Rego tests alone (${tests.cases} cases, ${tests.cells} requests of the matrix)\n`,
  );
}
process.exitCode = verdicts.length > 0 && survivors.length === 0 && red.length === 0 ? 0 : 1;
