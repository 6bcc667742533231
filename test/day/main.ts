/**
 * `npm run test:day`: an agent's ordinary day with the real kubectl, through the gateway under `baseline`. Exits 1
 * if anything of it was denied or held, or if it made fewer than 200 calls.
 *
 *   --chapter TEXT   only chapters whose titles hold the text, after the first
 *   --rules FOLDER   other rules than the library's
 */
import { parseArgs } from "node:util";
import { lineOf, liveThrough } from "./day.ts";
import { CHAPTERS } from "./steps.ts";

const { values } = parseArgs({ options: { chapter: { type: "string" }, rules: { type: "string" } } });
const chapters = CHAPTERS.filter(({ title }, i) => i === 0 || title.includes(values.chapter ?? ""));
const { commands, calls, discovery, denied, held, failed } = await liveThrough(chapters, {
  ...(values.rules === undefined ? {} : { rules: values.rules }),
  onStep: ({ command }, seconds) => process.stderr.write(`${seconds.toFixed(1)} s  kubectl ${command}\n`),
});
for (const { step, code, stderr } of failed)
  process.stdout.write(`exit code ${code}: kubectl ${step.command}\n  ${stderr.trim()}\n`);
for (const event of new Set([...denied, ...held].map(lineOf))) process.stdout.write(`${event}\n`);
process.stdout.write(
  `${commands} commands, ${calls} calls and ${discovery} of discovery: ${denied.length} denied, ${held.length} held, ${failed.length} commands failed\n`,
);
const enough = calls >= 200 || values.chapter !== undefined;
process.exitCode = enough && denied.length + held.length + failed.length === 0 ? 0 : 1;
