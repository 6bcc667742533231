// One process of `npm run test:approvals`: node worker.ts <home> <cases> <seed> [without-swap|with-swap] [until]. Its result is one line of JSON.
import { HOMES } from "./homes.ts";
import { runModel } from "./model.ts";
import { modelPolicy } from "./policy.ts";

const [name = "", cases = "", seed = "", without, until] = process.argv.slice(2);
const home = HOMES[name];
if (home === undefined) throw new Error(`there is no home ${name}`);
let told = Date.now();
const result = await runModel({
  home,
  policy: await modelPolicy(),
  cases: Number(cases),
  seed: Number(seed),
  withoutSwap: without === "without-swap",
  until: until === undefined ? undefined : Number(until),
  onProgress: (done) => {
    if (Date.now() - told < 20_000) return;
    told = Date.now();
    process.stderr.write(`${name}, seed ${seed}: ${done} of ${cases}\n`);
  },
});
// Without compare-and-swap it is what is looked for, and said in short.
if (result.failure !== undefined && without !== "without-swap")
  process.stderr.write(`${name}, seed ${seed}, fails:\n${result.failure}\n`);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
