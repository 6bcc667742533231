/**
 * `npm run test:kubectl`: one list of commands, by every kubectl that is found here, directly and through the gateway
 * with guardrails that allow everything. Output and exit code must be the same. Exits 1 on any difference.
 *
 *   --cases N        only the first N of the list
 *   --family logs    only these, and what makes what they are about
 *   --kubectl 1.27   only this minor
 *   --plant          changes one byte of what came through the gateway: the run must find it
 *   --output json
 */
import { parseArgs } from "node:util";
import { findKubectls } from "../../tools/kubectls.ts";
import { cases } from "./cases.ts";
import { type Comparison, compare } from "./compare.ts";
import { oneByteOff } from "./plant.ts";
import { openKubectlWorld } from "./world.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string" },
    family: { type: "string" },
    kubectl: { type: "string" },
    plant: { type: "boolean", default: false },
    output: { type: "string", default: "text" },
  },
});
const list = cases
  .filter(({ family }, i) => i < 2 || values.family === undefined || family === values.family)
  .slice(0, values.cases === undefined ? undefined : Number(values.cases));
const found = (await findKubectls()).filter(({ version }) => version.includes(values.kubectl ?? ""));
const results: (Comparison & { kubectl: string; seconds: number })[] = [];
const world = await openKubectlWorld();
try {
  for (const { path, version } of found) {
    const started = Date.now();
    const comparison = await compare({
      kubectl: path,
      ...(await world.sides()),
      cases: list,
      ...(values.plant ? { plant: oneByteOff(list.length) } : {}),
      onCase: (i, family) => process.stderr.write(`kubectl ${version}: ${i + 1}/${list.length} ${family}\n`),
    });
    results.push({ kubectl: version, seconds: Math.round((Date.now() - started) / 1000), ...comparison });
  }
} finally {
  await world.close();
}

if (values.output === "json") process.stdout.write(`${JSON.stringify({ results }, null, 2)}\n`);
else for (const result of results) process.stdout.write(report(result));
const differences = results.reduce((sum, result) => sum + result.differences.length, 0);
process.exitCode = results.length > 0 && (differences === 0) === !values.plant ? 0 : 1;

function report({ kubectl, seconds, commands, differences }: (typeof results)[number]): string {
  const shown = differences.map(
    ({ family, steps, direct, gateway }) =>
      `  ${family}: kubectl ${steps.join("; ")}\n  --- direct\n${direct}\n  --- gateway\n${gateway}\n`,
  );
  return `kubectl ${kubectl}: ${commands} commands in ${list.length} cases, ${differences.length} differences, ${seconds} s\n${shown.join("")}`;
}
