import { isDeepStrictEqual } from "node:util";
import { Refusal } from "../../../base/errors.ts";
import { parseLossless } from "../../../base/lossless-json.ts";
import { valueSpan } from "../../../dialogue/json/spans.ts";
import { JsonError, parseStrict } from "../../../dialogue/json/strict-json.ts";
import { parseStrictJson } from "../../../kubernetes/body/json.ts";
import { writeJson } from "../json-writer.ts";
import { mutateText } from "../mutate.ts";
import { Random } from "../random.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";
import { randomValue } from "../value.ts";

const TOKENS = '{ } [ ] : , " \\ \\u0061 \\ud800 \\udc00 \\n \\x 0 -0 01 1e 1e400 true nul {} [] "a":1 \u2028 \t'.split(
  " ",
);
const DEPTH = 8;

/** Every path of the value, and what is there. */
function* paths(
  value: unknown,
  path: (string | number)[] = [],
): Generator<[path: (string | number)[], value: unknown]> {
  yield [path, value];
  if (typeof value !== "object" || value === null || "rawJSON" in value) return;
  for (const [key, item] of Object.entries(value))
    yield* paths(item, [...path, Array.isArray(value) ? Number(key) : key]);
}

/** What the Kubernetes side makes of the same text, whose limits are others. */
function otherSays(text: string): { value: unknown } | { refused: string } {
  try {
    return { value: parseStrictJson(text) };
  } catch (error) {
    if (error instanceof Refusal) return { refused: error.message };
    throw error;
  }
}

/** Whether a key is one that readers put into different objects: the Kubernetes side reads it, the dialogue's refuses it. */
function namesPrototype(other: ReturnType<typeof otherSays>): boolean {
  return "value" in other && [...paths(other.value)].some(([path]) => path.includes("__proto__"));
}

function runWith(spanOf: typeof valueSpan): (cases: number, seed: number) => Promise<Tally> {
  return async (cases, seed) => {
    const random = new Random(seed);
    const tally = { ...emptyTally(), cases };
    for (let i = 0; i < cases; i++) {
      const written = writeJson(random, randomValue(random, 4));
      const text = (random.chance(0.3) ? mutateText(random, written, TOKENS, 2) : written).toWellFormed();
      const describe = (): string => JSON.stringify(text);
      const other = otherSays(text);
      const outcome = attempt(() => {
        try {
          return parseStrict(text, { depth: DEPTH });
        } catch (error) {
          throw error instanceof JsonError ? new Refusal("malformed-body", error.message) : error;
        }
      }, describe);
      if ("crash" in outcome) crash(tally, outcome.crash);
      else if ("refusal" in outcome) {
        tally.refused++;
        if ("value" in other && !outcome.refusal.message.includes("deeper") && !namesPrototype(other)) {
          difference(tally, `${outcome.refusal.message}\n${describe()}`);
        }
      } else {
        tally.accepted++;
        if (!("value" in other) || namesPrototype(other) || !isDeepStrictEqual(other.value, outcome.value)) {
          difference(
            tally,
            `read otherwise\n${describe()}\n${JSON.stringify(outcome.value)}\n${JSON.stringify(other)}`,
          );
        }
        for (const [path, value] of random.chance(0.3) ? paths(outcome.value) : []) {
          const span = spanOf(text, path);
          const there = span && text.slice(span.start, span.end);
          if (there === undefined || !isDeepStrictEqual(parseLossless(there), value) || there !== there.trim()) {
            difference(tally, `${JSON.stringify(path)} is not at\n${there}\nof\n${describe()}`);
          }
        }
      }
    }
    return tally;
  };
}

/** parseStrict beside the Kubernetes side's parser, and each value's place in the text beside the value. */
const target: FuzzTarget = {
  name: "dialogue-json",
  plant: "a value's place ends at a bracket within a string",
  open: async ({ planted }) => ({
    run: runWith(
      planted
        ? (text, path) => {
            const span = valueSpan(text, path);
            const end = span && text.slice(span.start, span.end).search(/"[^"]*[}\]]/);
            return span && end !== undefined && end >= 0 ? { start: span.start, end: span.start + end } : span;
          }
        : valueSpan,
    ),
    close: async () => {},
  }),
};
export default target;
