import { decodeProtobuf } from "../../../kubernetes/body/protobuf/decode.ts";
import { encodeProtobuf, encodeProtobufWatchEvent } from "../../../kubernetes/body/protobuf/encode.ts";
import { readEnvelope, writeEnvelope } from "../../../kubernetes/body/protobuf/envelope.ts";
import { schema } from "../../../kubernetes/body/protobuf/schema.ts";
import type { KubernetesObject } from "../../../kubernetes/types.ts";
import { mutateBytes } from "../mutate.ts";
import { mutateMessage } from "../mutate-protobuf.ts";
import { Oracle } from "../oracle.ts";
import { Random } from "../random.ts";
import { normalised, sameJson, seedObjects, seedProtobuf } from "../seeds.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";

interface Made {
  error?: string;
  json: KubernetesObject;
  protobuf: string;
}

interface Read {
  error?: string;
  json?: unknown;
  same?: boolean;
  again?: unknown;
}

interface Case {
  bytes: Uint8Array;
  /** What Go prints of it; undefined where the bytes were damaged. */
  json: KubernetesObject | undefined;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

async function generate(oracle: Oracle, kinds: string[], random: Random, cases: number): Promise<Case[]> {
  const questions = Array.from({ length: cases }, (_, i) => ({
    op: "make",
    kind: kinds[i % kinds.length],
    seed: random.uint32(),
    want: ["json", "protobuf"],
  }));
  const made = await oracle.ask<Made>(questions);
  const failed = made.findIndex(({ error }) => error !== undefined);
  if (failed >= 0) throw new Error(`${JSON.stringify(questions[failed])}: ${made[failed]?.error}`);
  const bytes = made.map(({ protobuf }) => Buffer.from(protobuf, "base64"));
  return made.map(({ json }, i) => {
    const whole = bytes[i] as Buffer;
    if (random.chance(0.1)) return { bytes: recorded(random, bytes), json: undefined };
    if (random.chance(0.5)) return { bytes: whole, json };
    if (random.chance(0.6)) return { bytes: mutateFields(random, whole), json: undefined };
    return { bytes: mutateBytes(random, whole, random.pick(bytes), 2), json: undefined };
  });
}

function mutateFields(random: Random, bytes: Uint8Array): Uint8Array {
  const { apiVersion, kind, raw } = readEnvelope(bytes);
  const message = schema().ofKind(apiVersion, kind);
  let mutated = raw;
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) mutated = mutateMessage(random, message, mutated);
  return writeEnvelope({ apiVersion, kind, raw: mutated });
}

/** What client-go and API servers said, whole or damaged, and objects of kubectl's as our encoder writes them. */
function recorded(random: Random, others: Uint8Array[]): Uint8Array {
  const bytes = random.chance(0.7) ? random.pick(seedProtobuf()) : encodeProtobuf(random.pick(BUILT_IN));
  if (random.chance(0.3)) return bytes;
  return random.chance(0.6) ? mutateFields(random, bytes) : mutateBytes(random, bytes, random.pick(others), 2);
}

const BUILT_IN = seedObjects().filter((object) => {
  try {
    return encodeProtobuf(object).length > 0;
  } catch {
    return false;
  }
});

/** Defect: a volume's source stays nested, as protobuf has it, where rules look for `volumes[].hostPath`. */
function planted(bytes: Uint8Array): KubernetesObject {
  const nest = (_key: string, value: unknown): unknown => {
    if (typeof value !== "object" || value === null || !("hostPath" in value) || !("name" in value)) return value;
    const { name, ...volumeSource } = value;
    return { name, volumeSource };
  };
  return JSON.parse(JSON.stringify(decodeProtobuf(bytes)), nest) as KubernetesObject;
}

/** DeleteOptions stand in any group to us, and in the groups of its scheme to the oracle. */
const ofAnyGroup = (object: KubernetesObject, { error = "" }: Read): boolean =>
  object.kind === "DeleteOptions" && error.startsWith('no kind "DeleteOptions" is registered');

/** Where two objects are no longer the same; they may have pages. */
function apart(theirs: unknown, ours: unknown): string {
  const [a, b] = [normalised(theirs), normalised(ours)];
  let at = 0;
  while (a[at] === b[at]) at++;
  const from = Math.max(0, at - 100);
  return `the API server reads …${a.slice(from, at + 100)}…, and ours is …${b.slice(from, at + 100)}…`;
}

async function compare(oracle: Oracle, tally: Tally, read: (Case & { value: KubernetesObject })[]): Promise<void> {
  // Damaged bytes beside what we read of them; whole objects as we write them anew, beside what they were.
  const questions = read.map(({ bytes, json, value }) => ({
    op: "read",
    protobuf: base64(json === undefined ? bytes : encodeProtobuf(json)),
    json: base64(Buffer.from(JSON.stringify(json ?? value))),
  }));
  const answers = await oracle.ask<Read>(questions);
  for (const [i, { bytes, json, value }] of read.entries()) {
    const answer = answers[i] as Read;
    const say = (what: string): void =>
      difference(tally, `${what}\nfor ${JSON.stringify(value)}\n${Buffer.from(bytes).toString("hex")}`);
    if (ofAnyGroup(value, answer)) continue;
    tally.accepted++;
    if (answer.error !== undefined) say(`the API server refuses it: ${answer.error}`);
    else if (json === undefined) {
      // What Go prints of a pointer to JSON that is null, it reads as no pointer.
      const isSame = answer.same || sameJson(answer.json, answer.again) || sameJson(answer.json, value);
      if (!isSame) say(apart(answer.json, answer.again));
    } else if (!sameJson(json, value)) say(apart(json, value));
    else if (!answer.same && !sameJson(json, answer.json)) say(`written anew: ${apart(json, answer.json)}`);
  }
}

/** Objects as events of a watch, read as client-go reads them. */
async function compareFrames(oracle: Oracle, tally: Tally, objects: KubernetesObject[]): Promise<void> {
  const frames = objects.map((object) => encodeProtobufWatchEvent("MODIFIED", object));
  const answers = await oracle.ask<Read & { type?: string }>(
    frames.map((bytes) => ({ op: "frame", protobuf: base64(bytes) })),
  );
  for (const [i, { type, json, error }] of answers.entries()) {
    if (error === undefined && type === "MODIFIED" && sameJson(json, objects[i])) continue;
    difference(tally, `the event of ${JSON.stringify(objects[i])} is read as ${error ?? JSON.stringify(json)}`);
  }
}

async function run(
  oracle: Oracle,
  kinds: string[],
  subject: typeof decodeProtobuf,
  cases: number,
  seed: number,
): Promise<Tally> {
  const random = new Random(seed);
  const tally = { ...emptyTally(), cases };
  const read = (await generate(oracle, kinds, random, cases)).flatMap((one) => {
    const outcome = attempt(
      () => subject(one.bytes),
      () => base64(one.bytes),
    );
    if ("value" in outcome) return [{ ...one, value: outcome.value }];
    if ("crash" in outcome) crash(tally, outcome.crash);
    else if (one.json === undefined) tally.refused++;
    else difference(tally, `${base64(one.bytes)}\n${JSON.stringify(one.json)}\nis refused: ${outcome.refusal.message}`);
    return [];
  });
  await compare(oracle, tally, read);
  const whole = read.flatMap(({ json }) => (json === undefined ? [] : [json]));
  await compareFrames(
    oracle,
    tally,
    whole.filter((_, i) => i % 10 === 0),
  );
  return tally;
}

/** decodeProtobuf, encodeProtobuf and encodeProtobufWatchEvent beside the serializers of k8s.io/apimachinery. */
const protobuf: FuzzTarget = {
  name: "protobuf",
  plant: "a volume's source is not inlined, as protobuf has it",
  async open(options) {
    const oracle = await Oracle.open("oracle-objects");
    const [answer] = await oracle.ask<{ kinds: string[] }>([{ op: "kinds" }]);
    const kinds = answer?.kinds ?? [];
    return {
      run: (cases, seed) => run(oracle, kinds, options.planted ? planted : decodeProtobuf, cases, seed),
      close: () => oracle.close(),
    };
  },
};
export default protobuf;
