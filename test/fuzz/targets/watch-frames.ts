import { readFileSync } from "node:fs";
import { isPlainEvent, watchEvent } from "../../../kubernetes/watch-event.ts";
import { WatchFrames } from "../../../kubernetes/watch-frames.ts";
import { chunks, mutateText } from "../mutate.ts";
import { Random } from "../random.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";

const { watches } = JSON.parse(readFileSync(new URL("../seeds/answers.json", import.meta.url), "utf8")) as {
  watches: string[];
};
const ERROR_EVENT =
  '{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","reason":"Expired","code":410}}\n';
const EVENTS = [...watches.flatMap((text) => text.split(/(?<=\n)/)), ERROR_EVENT];
const TOKENS = [
  "\n",
  "\n\n",
  "\r\n",
  '{"type":"ADDED","object":{}}',
  '"type":',
  '"object":',
  "{",
  "}",
  "[",
  "]",
  '"',
  "\\",
  ",",
  "é",
];
/** Smaller than the gateway's, so that it is reached. */
const LIMIT = 6_000;

interface Read {
  frames: string[];
  /** Frames that may pass as they are, unparsed. */
  plain: boolean[];
}

function read(frames: WatchFrames, parts: readonly Uint8Array[]): Read {
  const all = parts.flatMap((part) => frames.push(part));
  const rest = frames.end();
  if (rest !== undefined) all.push(rest);
  const plain = all.map((frame) => isPlainEvent(frame));
  return { frames: all.map((frame) => frame.toString("latin1")), plain };
}

/** What a reader that has all of the text makes of it. */
function check(tally: Tally, text: string, { frames, plain }: Read): void {
  const wanted = text.split("\n").filter((line) => line !== "");
  if (JSON.stringify(frames) !== JSON.stringify(wanted))
    difference(tally, `other frames\n${text}\n${frames.join("\n")}`);
  for (const [i, frame] of frames.entries()) {
    if (plain[i] !== true) continue;
    try {
      watchEvent(JSON.parse(frame));
    } catch {
      difference(tally, `would pass unparsed, and is no event\n${frame}`);
    }
  }
}

function makeCase(random: Random): string {
  const events = Array.from({ length: 1 + random.below(4) }, () => random.pick(EVENTS));
  const text = events.join(random.chance(0.1) ? "\n" : "");
  if (random.chance(0.35)) return mutateText(random, text, TOKENS);
  return random.chance(0.03) ? `${text}{"type":"ADDED","object":{"a":"${"x".repeat(LIMIT)}"}}` : text;
}

function runWith(make: () => WatchFrames): (cases: number, seed: number) => Promise<Tally> {
  return async (cases, seed) => {
    const random = new Random(seed);
    const tally = { ...emptyTally(), cases };
    for (let i = 0; i < cases; i++) {
      const bytes = Buffer.from(makeCase(random), "utf8");
      const text = bytes.toString("latin1");
      const parts = random.chance(0.1) ? [...bytes].map((byte) => Uint8Array.of(byte)) : chunks(random, bytes);
      const outcome = attempt(
        () => read(make(), parts),
        () => text,
      );
      if ("crash" in outcome) crash(tally, outcome.crash);
      else if ("value" in outcome) {
        tally.accepted++;
        check(tally, text, outcome.value);
      } else {
        tally.refused++;
        const tooLarge = text.split("\n").some((line) => line.length > LIMIT);
        if (outcome.refusal.message.includes("larger") && !tooLarge) {
          difference(tally, `${outcome.refusal.message}\n${text}`);
        }
      }
    }
    return tally;
  };
}

class JoinsAtBorders extends WatchFrames {
  override push(chunk: Uint8Array): Buffer[] {
    return super.push(chunk[0] === 0x0a ? chunk.subarray(1) : chunk);
  }
}

const target: FuzzTarget = {
  name: "watch-frames",
  plant: "a newline that begins a chunk ends no frame",
  open: async ({ planted }) => ({
    run: runWith(() => (planted ? new JoinsAtBorders(LIMIT) : new WatchFrames(LIMIT))),
    close: async () => {},
  }),
};
export default target;
