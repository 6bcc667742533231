import { jsonForYaml, parseYaml } from "../../../kubernetes/body/yaml.ts";
import { mutateText } from "../mutate.ts";
import { Oracle } from "../oracle.ts";
import { Random } from "../random.ts";
import { sameJson, seedObjects } from "../seeds.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";
import { mutateValue, randomValue } from "../value.ts";
import { SCALARS, writeYaml } from "../yaml-writer.ts";

const TOKENS = [
  ...SCALARS,
  ...": |- |- |\n|: |, |[|]|{|}|'|\"|\n|  |\t|#| #|&a |*a|!!str |!!int |!!binary |---\n|...\n|%YAML 1.1\n|\\|\\u0041|\r|\r\n|\u0000".split(
    "|",
  ),
];

function generate(random: Random): string {
  const made = random.chance(0.1) ? mutateValue(random, random.pick(seedObjects()), 0.01) : randomValue(random, 3);
  // A body is an object.
  const value = typeof made === "object" && made !== null && !Array.isArray(made) ? made : { a: made };
  if (random.chance(0.1)) return jsonForYaml(value);
  if (random.chance(0.15)) return `a: ${random.pick(SCALARS)}\n${random.pick(SCALARS)}: b\n`;
  const text = writeYaml(random, value);
  return random.chance(0.2) ? mutateText(random, text, TOKENS, 2) : text;
}

interface Answer {
  error?: string;
  json?: unknown;
}

/** Defect: YAML 1.2, in which `yes` is a word. */
function planted(text: string): unknown {
  return parseYaml(text.replace(/: yes$/gm, ': "yes"'));
}

async function run(oracle: Oracle, subject: (text: string) => unknown, cases: number, seed: number): Promise<Tally> {
  const random = new Random(seed);
  const tally = { ...emptyTally(), cases };
  const read = Array.from({ length: cases }, () => generate(random)).flatMap((text) => {
    // Bytes that are no UTF-8 never get so far (decodeUtf8).
    const clean = text.toWellFormed();
    const outcome = attempt(
      () => subject(clean),
      () => JSON.stringify(clean),
    );
    if ("value" in outcome && typeof outcome.value === "object" && outcome.value !== null) {
      return [{ text: clean, value: outcome.value }];
    }
    if ("crash" in outcome) crash(tally, outcome.crash);
    else tally.refused++;
    return [];
  });
  const data = (text: string): string => Buffer.from(text).toString("base64");
  const questions = read.flatMap(({ text, value }) => [
    { format: "yaml", data: data(text) },
    { format: "yaml", data: data(jsonForYaml(value)) },
  ]);
  const answers = await oracle.ask<Answer>(questions);
  read.forEach(({ text, value }, i) => {
    tally.accepted++;
    const [go, again] = [answers[2 * i] as Answer, answers[2 * i + 1] as Answer];
    const say = (what: string): void => difference(tally, `${JSON.stringify(text)}\n${JSON.stringify(value)}\n${what}`);
    if (go.error !== undefined) say(`the API server refuses it: ${go.error}`);
    else if (!sameJson(go.json, value)) say(`the API server reads ${JSON.stringify(go.json)}`);
    if (again.error !== undefined || !sameJson(again.json, value)) say(`as it goes upstream: ${JSON.stringify(again)}`);
  });
  return tally;
}

/** parseYaml and jsonForYaml beside sigs.k8s.io/yaml, which the API server's own serializer reads with. */
const yaml: FuzzTarget = {
  name: "yaml",
  plant: "yes is a word and not true",
  async open(options) {
    const oracle = await Oracle.open("oracle-encodings");
    return {
      run: (cases, seed) => run(oracle, options.planted ? planted : parseYaml, cases, seed),
      close: () => oracle.close(),
    };
  },
};
export default yaml;
