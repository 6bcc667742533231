import { readFileSync } from "node:fs";
import { parseLossless } from "../../../base/lossless-json.ts";
import { IS_ESCAPE } from "../../../kubernetes/json-grammar.ts";
import { JsonItems } from "../../../kubernetes/json-items.ts";
import { chunks, mutateText } from "../mutate.ts";
import { Random } from "../random.ts";
import { attempt, crash, difference, emptyTally } from "../tally.ts";
import type { FuzzTarget, Tally } from "../target.ts";
import { randomValue } from "../value.ts";

const { lists } = JSON.parse(readFileSync(new URL("../seeds/answers.json", import.meta.url), "utf8")) as {
  lists: string[];
};
const TOKENS = [
  ...'{}[]:,"\\/ \n\t-.eE+0',
  ...[
    '"items":[',
    '"rows":[',
    '"\\u0069tems":',
    '"items":null,',
    "],",
    "null",
    "true",
    "1e5",
    "\\u00e9",
    "\\\\",
    '\\"',
  ],
  ...["\ufeff", "\u0001", "é", '"kind":"L",', "{}", '{"items":[1]}'],
];
const QUOTE = 0x22;

interface Split {
  joined: string;
  items: string[];
  key: string | undefined;
}

/** All as latin1: a byte is a character, and bytes above 127 are the same to JSON wherever they stand. */
function split(parts: readonly Uint8Array[]): Split {
  const splitter = new JsonItems();
  const pieces = [...parts.flatMap((part) => splitter.push(part)), ...splitter.end()];
  return {
    joined: pieces.map(({ bytes }) => bytes.toString("latin1")).join(""),
    items: pieces.filter(({ kind }) => kind === "item").map(({ bytes }) => bytes.toString("latin1")),
    key: splitter.key,
  };
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  try {
    return { value: parseLossless(text) };
  } catch {
    // A number that no double can hold: its bytes are passed, whatever reads them.
    return { value: undefined };
  }
}

/** The array that JSON.parse sees; null where it sees two of them, which is refused. */
function arrayOf(value: unknown): { key: string | undefined; items: unknown[] } | null {
  const { items, rows } = (Array.isArray(value) ? {} : (value ?? {})) as { items?: unknown; rows?: unknown };
  if (Array.isArray(items)) return Array.isArray(rows) ? null : { key: "items", items };
  return Array.isArray(rows) ? { key: "rows", items: rows } : { key: undefined, items: [] };
}

function makeCase(random: Random): string {
  const seed = random.pick(lists);
  if (random.chance(0.3)) return mutateText(random, seed, TOKENS);
  if (random.chance(0.3)) return seed;
  const key = random.pick(["items", "rows", "item\\u0073", "Items", "data"]);
  const values = Array.from({ length: random.below(6) }, () => JSON.stringify(randomValue(random, 3)));
  const fields = [`"${key}":[${values.join(random.pick([",", " , ", ",\n"]))}]`];
  for (const name of ["kind", "metadata", "spec"]) {
    if (random.chance(0.5)) fields.splice(random.below(2), 0, `"${name}":${JSON.stringify(randomValue(random, 3))}`);
  }
  const text = `{${fields.join(",")}}${random.pick(["", "\n", " "])}`;
  return random.chance(0.1) ? mutateText(random, text, TOKENS) : text;
}

/** Where the splitter and JSON.parse differ, in words. */
function differenceIn(text: string, got: Split): string | undefined {
  if (got.joined !== text) return "what comes out is not what went in";
  const whole = parsed(text);
  if (whole === undefined) return "JSON.parse refuses it";
  if (whole.value === undefined) return undefined;
  const wanted = arrayOf(whole.value);
  if (wanted === null) return "both items and rows";
  if (wanted.key !== got.key) return `JSON.parse sees ${wanted.key}`;
  const same = JSON.stringify(got.items.map((item) => parseLossless(item))) === JSON.stringify(wanted.items);
  return same ? undefined : "JSON.parse sees other items";
}

async function run(cases: number, seed: number): Promise<Tally> {
  const random = new Random(seed);
  const tally = emptyTally();
  tally.cases = cases;
  for (let i = 0; i < cases; i++) {
    const bytes = Buffer.from(makeCase(random), "utf8");
    const text = bytes.toString("latin1");
    const outcome = attempt(
      () => split(random.chance(0.2) ? [...bytes].map((byte) => Uint8Array.of(byte)) : chunks(random, bytes)),
      () => text,
    );
    if ("crash" in outcome) crash(tally, outcome.crash);
    else if ("value" in outcome) {
      tally.accepted++;
      const what = differenceIn(text, outcome.value);
      if (what !== undefined) difference(tally, `${what}\n${text}\n${JSON.stringify(outcome.value)}`);
    } else {
      tally.refused++;
      // What is JSON is refused for a reason of ours alone.
      const ours = /twice|both items and rows|too long|nested|larger/.test(outcome.refusal.message);
      if (!ours && parsed(text) !== undefined) difference(tally, `${outcome.refusal.message}\n${text}`);
    }
  }
  return tally;
}

const target: FuzzTarget = {
  name: "json-splitter",
  plant: "a quote cannot be escaped",
  open: async ({ planted }) => {
    if (planted) IS_ESCAPE[QUOTE] = 0;
    return {
      run,
      close: async () => {
        IS_ESCAPE[QUOTE] = 1;
      },
    };
  },
};
export default target;
