import { Stream } from "@anthropic-ai/sdk/core/streaming";
import { createParser } from "eventsource-parser";
import { Refusal } from "../../../base/errors.ts";
import { SseError, type SseEvent, SseReader } from "../../../dialogue/sse/sse-reader.ts";
import { chunks, mutateBytes, mutateText } from "../mutate.ts";
import { Random } from "../random.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";

const LINES = [
  "event: ping",
  "event:error",
  "event",
  "data: {}",
  'data: {"type":"ping"}',
  "data:x",
  "data",
  "data:",
  "data: äß€😀",
  ": comment",
  ":",
  "id: 1",
  "retry: 10",
  "other: 1",
];
const TOKENS = [
  "\n",
  "\r",
  "\r\n",
  "\n\n",
  "\r\r",
  ":",
  " ",
  "data",
  "event: a",
  "\ufeff",
  "\0",
  "é",
  "\u2028",
  "Data: 1",
];
/** Smaller than the gateway's, so that they are reached. */
const LIMITS = { lineBytes: 60, eventBytes: 150 };

/** What a consumer is given, before whatever ended the stream. */
interface Read {
  events: Omit<SseEvent, "bytes">[];
  bytes: string;
  failure: string | undefined;
}

function read(reader: SseReader, parts: readonly Uint8Array[]): Read {
  const result: Read = { events: [], bytes: "", failure: undefined };
  const take = ({ bytes, ...event }: SseEvent): void => {
    result.events.push(event);
    result.bytes += Buffer.from(bytes).toString("latin1");
  };
  try {
    for (const part of parts) for (const event of reader.push(part)) take(event);
    for (const event of reader.end()) take(event);
  } catch (error) {
    if (!(error instanceof SseError)) throw error;
    result.failure = error.message;
  }
  return result;
}

/** The same by a parser that knows nothing of ours. It says `message` where there is no name, and no name as undefined. */
function plainEvents(text: string): string {
  const found: [string, string][] = [];
  const parser = createParser({ onEvent: ({ event, data }) => found.push([event ?? "", data]) });
  parser.feed(text);
  return JSON.stringify(found);
}

/** What the official client makes of it; it hands out an event that has a name and no data, which is then skipped. */
async function clientEvents(bytes: Uint8Array): Promise<string> {
  const found: [string, string][] = [];
  for await (const { event, data } of Stream.rawEvents(new Response(Buffer.from(bytes)))) {
    if (data !== "") found.push([event ?? "", data]);
  }
  return JSON.stringify(found);
}

function makeCase(random: Random): Uint8Array {
  const end = random.pick(["\n", "\n", "\r\n", "\r"]);
  const lines = Array.from({ length: 1 + random.below(8) }, () => (random.chance(0.3) ? "" : random.pick(LINES)));
  const text = `${random.chance(0.1) ? "\ufeff" : ""}${lines.join(end)}${end}${end}`;
  if (random.chance(0.2)) return mutateBytes(random, Buffer.from(text));
  return Buffer.from(random.chance(0.3) ? mutateText(random, text, TOKENS) : text);
}

async function check(tally: Tally, random: Random, bytes: Uint8Array, { events, bytes: out }: Read): Promise<void> {
  const text = Buffer.from(bytes).toString("latin1");
  if (out !== text) difference(tally, `other bytes\n${JSON.stringify(text)}\n${JSON.stringify(out)}`);
  const ours = events.flatMap(({ event, data }) => (data === undefined ? [] : [[event, data]]));
  const plain = plainEvents(Buffer.from(bytes).toString("utf8"));
  if (JSON.stringify(ours) !== plain) {
    difference(
      tally,
      `other events than eventsource-parser\n${JSON.stringify(text)}\n${JSON.stringify(ours)}\n${plain}`,
    );
  }
  // A response and its stream for each case would take ten times as long.
  if (!random.chance(0.02)) return;
  const named = JSON.stringify(ours.filter(([, data]) => data !== ""));
  const client = await clientEvents(bytes);
  if (named !== client) {
    difference(tally, `other events than @anthropic-ai/sdk\n${JSON.stringify(text)}\n${named}\n${client}`);
  }
}

class LosesHalf extends SseReader {
  override push(chunk: Uint8Array): Generator<SseEvent, void, undefined> {
    return super.push(chunk[0] === 0x0a ? chunk.subarray(1) : chunk);
  }
}

function runWith(make: () => SseReader): (cases: number, seed: number) => Promise<Tally> {
  return async (cases, seed) => {
    const random = new Random(seed);
    const tally = { ...emptyTally(), cases };
    for (let i = 0; i < cases; i++) {
      const bytes = makeCase(random);
      const parts = random.chance(0.1) ? [...bytes].map((byte) => Uint8Array.of(byte)) : chunks(random, bytes);
      const describe = (): string => JSON.stringify(Buffer.from(bytes).toString("latin1"));
      const outcome = attempt(() => {
        const result = read(make(), parts);
        const whole = read(make(), [bytes]);
        const same = JSON.stringify(result) === JSON.stringify(whole);
        if (!same)
          difference(tally, `cut, and whole\n${describe()}\n${JSON.stringify(result)}\n${JSON.stringify(whole)}`);
        if (result.failure !== undefined) throw new Refusal("malformed-body", result.failure);
        return result;
      }, describe);
      if ("crash" in outcome) crash(tally, outcome.crash);
      else if ("refusal" in outcome) tally.refused++;
      else {
        tally.accepted++;
        await check(tally, random, bytes, outcome.value);
      }
    }
    return tally;
  };
}

const target: FuzzTarget = {
  name: "sse",
  plant: "a newline that begins a chunk is lost",
  open: async ({ planted }) => ({
    run: runWith(() => (planted ? new LosesHalf(LIMITS) : new SseReader(LIMITS))),
    close: async () => {},
  }),
};
export default target;
