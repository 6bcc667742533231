import { readFileSync } from "node:fs";
import type { Direction, TunnelEvent, TunnelOptions, TunnelParser } from "../../kubernetes/channels/types.ts";
import { parseAll, type Said, type Sent } from "../kubernetes/tunnel-script.ts";
import { chunks, mutateBytes } from "./mutate.ts";
import { Random } from "./random.ts";
import { attempt, crash, difference, emptyTally } from "./tally.ts";
import type { Tally } from "./target.ts";

/** One session: what is sent, and what the encoder that wrote it means by it; undefined where kubectl wrote it. */
export interface TunnelCase {
  options: TunnelOptions;
  sent: Sent[];
  said: Record<Direction, Said[]> | undefined;
}

interface Recorded extends Omit<TunnelOptions, "query"> {
  client: string;
  chunks: [Direction, string][];
}

/** What kubectl and the API server sent each other; recorded with kubectl 1.27 to 1.36 on kube-apiserver 1.36.3. */
export function recordedSessions(protocol: TunnelOptions["protocol"]): TunnelCase[] {
  const recorded = JSON.parse(readFileSync(new URL("seeds/tunnels.json", import.meta.url), "utf8")) as Recorded[];
  return recorded
    .filter((one) => one.protocol === protocol)
    .map(({ client: _client, chunks: parts, ...options }) => ({
      options: { ...options, query: {} },
      sent: parts.map(([direction, bytes]) => ({ direction, bytes: Buffer.from(bytes, "base64") })),
      said: undefined,
    }));
}

const NOISE = new Random(1).bytes(1 << 16);

/** Bytes of any value, made once: a generator that makes each anew is half of the run. */
export function noise(random: Random, length: number): Uint8Array {
  const at = random.below(NOISE.length - length + 1);
  return NOISE.subarray(at, at + length);
}

function cut(random: Random, sent: readonly Sent[]): Sent[] {
  return sent.flatMap(({ direction, bytes }) => chunks(random, bytes, 4).map((part) => ({ direction, bytes: part })));
}

function damaged(random: Random, sent: readonly Sent[]): Sent[] {
  const at = random.below(sent.length);
  const other = random.pick(sent).bytes;
  return sent.map((one, index) => (index === at ? { ...one, bytes: mutateBytes(random, one.bytes, other) } : one));
}

const print = ({ options, sent }: TunnelCase): string =>
  `${JSON.stringify(options)}\n${sent.map(({ direction, bytes }) => `${direction} ${Buffer.from(bytes).toString("hex")}`).join("\n")}`;

/**
 * Runs `cases` sessions, a third of them damaged. What an encoder wrote must be said as it was meant, however it
 * is cut; what is damaged must be said, or refused, alike whole and cut.
 */
export function runTunnelCases(
  create: (options: TunnelOptions) => TunnelParser,
  generate: (random: Random) => TunnelCase,
  cases: number,
  seed: number,
): Tally {
  const random = new Random(seed);
  const tally = { ...emptyTally(), cases };
  for (let index = 0; index < cases; index++) {
    const one = generate(random);
    const intact = random.chance(0.67);
    if (!intact) one.sent = damaged(random, one.sent);
    const read = (sent: readonly Sent[]) =>
      attempt(
        () => parseAll(create(one.options), sent),
        () => print(one),
      );
    const outcome = read(cut(random, one.sent));
    if ("crash" in outcome) {
      crash(tally, outcome.crash);
      continue;
    }
    if ("refusal" in outcome) tally.refused++;
    else tally.accepted++;
    const said = "refusal" in outcome ? "refused" : JSON.stringify(outcome.value);
    const wanted = intact && one.said !== undefined ? JSON.stringify(one.said) : whole(read(one.sent));
    if (said !== wanted || (intact && said === "refused")) {
      difference(tally, `${print(one)}\nwanted ${wanted}\nsaid   ${said}`);
    }
  }
  return tally;
}

function whole(outcome: ReturnType<typeof attempt<unknown>>): string {
  if ("crash" in outcome) return outcome.crash;
  return "refusal" in outcome ? "refused" : JSON.stringify(outcome.value);
}

/** A parser whose events a defect has changed. */
export function withDefect(
  parser: TunnelParser,
  defect: (event: TunnelEvent, direction: Direction) => TunnelEvent[],
): TunnelParser {
  return {
    ...parser,
    push: (direction, chunk) =>
      parser.push(direction, chunk).map(({ bytes, events }) => ({
        bytes,
        events: events.flatMap((event) => defect(event, direction)),
      })),
  };
}
