import { decodeCbor, encodeCbor } from "../../../kubernetes/body/cbor.ts";
import { writeCbor } from "../cbor-writer.ts";
import { mutateBytes } from "../mutate.ts";
import { Oracle } from "../oracle.ts";
import { Random } from "../random.ts";
import { sameJson, seedObjects } from "../seeds.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";
import { mutateValue, randomValue } from "../value.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

interface Case {
  bytes: Uint8Array;
  /** A whole object of a built-in kind: it is also decoded into its Go type. */
  typed: boolean;
}

const encoded = new Map<unknown, Uint8Array>();
/** A recorded object as client-go would write it. */
function written(object: unknown): Uint8Array {
  const bytes = encoded.get(object) ?? encodeCbor(object);
  encoded.set(object, bytes);
  return bytes;
}

function generate(random: Random): Case {
  const object = random.pick(seedObjects());
  if (random.chance(0.15)) {
    return { bytes: random.chance(0.5) ? written(object) : Uint8Array.from(writeCbor(random, object)), typed: true };
  }
  const value = random.chance(0.15) ? mutateValue(random, object) : randomValue(random, 4);
  const bytes = random.chance(0.3) ? encodeCbor(value) : Uint8Array.from(writeCbor(random, value));
  return { bytes: random.chance(0.2) ? mutateBytes(random, bytes, written(object), 2) : bytes, typed: false };
}

interface Answer {
  error?: string;
  json?: unknown;
  same: boolean;
}

/** Defect: what is tagged for base64 comes out as if it were not. */
function planted(bytes: Uint8Array): unknown {
  const isTag = (byte: number, i: number): boolean => byte === 0xd6 && (bytes[i + 1] ?? 0) >> 5 === 2;
  return decodeCbor(bytes.filter((byte, i) => !isTag(byte, i)));
}

async function run(oracle: Oracle, subject: typeof decodeCbor, cases: number, seed: number): Promise<Tally> {
  const random = new Random(seed);
  const tally = { ...emptyTally(), cases };
  const read = Array.from({ length: cases }, () => generate(random)).flatMap((one) => {
    const outcome = attempt(
      () => subject(one.bytes),
      () => hex(one.bytes),
    );
    if ("value" in outcome) return [{ ...one, value: outcome.value }];
    if ("crash" in outcome) crash(tally, outcome.crash);
    else tally.refused++;
    return [];
  });
  const data = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
  // What was decoded, what it comes to when written anew, and what its Go type makes of it.
  const questions = read.flatMap(({ bytes, value, typed }) => [
    { format: "cbor", data: data(bytes) },
    { format: "cbor", data: data(encodeCbor(value)) },
    ...(typed ? [{ format: "typed-cbor", data: data(bytes), json: data(Buffer.from(JSON.stringify(value))) }] : []),
  ]);
  const answers = await oracle.ask<Answer>(questions);
  let at = 0;
  for (const { bytes, value, typed } of read) {
    tally.accepted++;
    const [go, again] = [answers[at++] as Answer, answers[at++] as Answer];
    const typedAnswer = typed ? (answers[at++] as Answer) : undefined;
    const say = (what: string): void => difference(tally, `${hex(bytes)}\n${JSON.stringify(value)}\n${what}`);
    if (go.error !== undefined) say(`the API server refuses it: ${go.error}`);
    else if (!sameJson(go.json, value)) say(`the API server reads ${JSON.stringify(go.json)}`);
    if (again.error !== undefined || !sameJson(again.json, value)) say(`written anew: ${JSON.stringify(again)}`);
    if (typedAnswer?.same === false && typedAnswer.error === undefined) say("its Go type reads something else");
  }
  return tally;
}

/** decodeCbor and encodeCbor beside the CBOR serializer of k8s.io/apimachinery. */
const cbor: FuzzTarget = {
  name: "cbor",
  plant: "bytes that are tagged for base64 come out as they are",
  async open(options) {
    const oracle = await Oracle.open("oracle-encodings");
    return {
      run: (cases, seed) => run(oracle, options.planted ? planted : decodeCbor, cases, seed),
      close: () => oracle.close(),
    };
  },
};
export default cbor;
