import { parseStrictJson } from "../../../kubernetes/body/json.ts";
import { writeJson } from "../json-writer.ts";
import { mutateText } from "../mutate.ts";
import { Oracle } from "../oracle.ts";
import { Random } from "../random.ts";
import { sameJson, seedObjects } from "../seeds.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";
import { mutateValue, randomValue } from "../value.ts";

const TOKENS =
  '{ } [ ] : , " \\ \\u \\u0061 \\ud800 \\udc00 \\n \\N \\x 0 -0 01 .5 1. 1e 1e400 + NaN true nul null // /* \u2028 \u0000 \t'.split(
    " ",
  );

function generate(random: Random): string {
  const value = random.chance(0.15) ? mutateValue(random, random.pick(seedObjects())) : randomValue(random, 4);
  const text = writeJson(random, value);
  return (random.chance(0.25) ? mutateText(random, text, TOKENS, 2) : text).toWellFormed();
}

interface Answer {
  error?: string;
  json?: unknown;
}

/** Defect: V8's own parser, which takes an escaped key for one that it knows (nodejs/node#63785). */
function planted(text: string): unknown {
  parseStrictJson(text);
  return JSON.parse(text) as unknown;
}

async function run(oracle: Oracle, subject: (text: string) => unknown, cases: number, seed: number): Promise<Tally> {
  const random = new Random(seed);
  const tally = { ...emptyTally(), cases };
  const read = Array.from({ length: cases }, () => generate(random)).flatMap((text) => {
    const outcome = attempt(
      () => subject(text),
      () => JSON.stringify(text),
    );
    if ("value" in outcome) return [{ text, value: outcome.value }];
    if ("crash" in outcome) crash(tally, outcome.crash);
    else tally.refused++;
    return [];
  });
  const answers = await oracle.ask<Answer>(
    read.map(({ text }) => ({ format: "json", data: Buffer.from(text).toString("base64") })),
  );
  read.forEach(({ text, value }, i) => {
    tally.accepted++;
    const go = answers[i] as Answer;
    const say = (what: string): void => difference(tally, `${JSON.stringify(text)}\n${JSON.stringify(value)}\n${what}`);
    if (go.error !== undefined) say(`the API server refuses it: ${go.error}`);
    else if (!sameJson(go.json, value)) say(`the API server reads ${JSON.stringify(go.json)}`);
  });
  return tally;
}

/** parseStrictJson beside k8s.io/apimachinery/pkg/util/json. */
const json: FuzzTarget = {
  name: "json",
  plant: "V8's parser by itself, which takes an escaped key for another that it knows",
  async open(options) {
    const oracle = await Oracle.open("oracle-encodings");
    return {
      run: (cases, seed) => run(oracle, options.planted ? planted : parseStrictJson, cases, seed),
      close: () => oracle.close(),
    };
  },
};
export default json;
