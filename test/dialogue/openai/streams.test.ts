import { describe, expect, test } from "vitest";
import {
  atEveryOffset,
  CUT_EVERYWHERE,
  DIALECTS,
  dataOf,
  deniedStream,
  deny,
  type Guarded,
  guarded,
  inPieces,
  type Name,
  release,
  stream,
  streamNames,
} from "./streams.ts";

const ALL = process.env.SALLYPORT_TEST_ALL === "1";

/** Every offset of each stream takes minutes: `npm test` has one stream of each dialect, and sizes of the others. */
function* ways(name: string, bytes: Buffer): Generator<Uint8Array[]> {
  if (ALL || name === CUT_EVERYWHERE) yield* atEveryOffset(bytes);
  for (const size of ALL ? [1, 2, 3, 7, 64, 1000] : [5, 64, 1000]) yield inPieces(bytes, size);
  yield [bytes];
}

/** Words overtake calls that are undecided, so that their order depends on when they are decided; in a choice it does not. */
const OVERTAKING = new Set(["two-choices", "unicode", "words-beside-calls"]);

/** Its call ends within its arguments, so that nobody can be asked about it. */
const UNJUDGED = "cut-off";

interface Choice {
  index: number;
  delta: { content?: string | null; tool_calls?: { index: number; function: { name?: string; arguments?: string } }[] };
  finish_reason: string | null;
}

/** What a client of chat/completions puts together. */
function assembled(bytes: Uint8Array): unknown {
  const choices = new Map<number, { content: string; calls: string[]; finish: string | null }>();
  for (const chunk of dataOf(bytes)) {
    for (const { index, delta, finish_reason } of chunk.choices as Choice[]) {
      const choice = choices.get(index) ?? { content: "", calls: [], finish: null };
      choices.set(index, choice);
      choice.content += delta.content ?? "";
      for (const call of delta.tool_calls ?? []) {
        const { name = "", arguments: text = "" } = call.function;
        choice.calls[call.index] = (choice.calls[call.index] ?? "") + name + text;
      }
      choice.finish = finish_reason ?? choice.finish;
    }
  }
  return [...choices.entries()].sort(([a], [b]) => a - b);
}

function expectSame(name: string, { bytes }: Guarded, wanted: Buffer): void {
  if (bytes.equals(wanted)) return;
  if (OVERTAKING.has(name)) expect(assembled(bytes)).toEqual(assembled(wanted));
  else expect(bytes.toString()).toBe(wanted.toString());
}

const cases = DIALECTS.flatMap((dialect) => streamNames(dialect).map((name): [Name, string] => [dialect, name]));

describe.each(cases)("of %s, the stream %s", { timeout: ALL ? 600_000 : 20_000 }, (dialect, name) => {
  const bytes = stream(dialect, name);

  test("comes out byte for byte where every tool call is released, by every chunking", async () => {
    for (const chunks of ways(name, bytes)) {
      const result = await guarded(dialect, chunks, release);
      expectSame(name, result, name === UNJUDGED ? deniedStream(dialect, name) : bytes);
      expect(result.summary.broken).toBeUndefined();
    }
  });

  test("gives words in the place of tool calls that are denied, and nothing of them, by every chunking", async () => {
    const wanted = deniedStream(dialect, name);
    const { summary, asked } = await guarded(dialect, [bytes], deny);
    for (const { id, name: tool, text } of asked) {
      for (const secret of [id, tool, text].filter((each) => each.length > 2)) {
        expect(wanted.toString()).not.toContain(secret);
        expect(wanted.toString()).not.toContain(JSON.stringify(secret).slice(1, -1));
      }
    }
    for (const chunks of ways(name, bytes)) {
      const result = await guarded(dialect, chunks, deny);
      expectSame(name, result, wanted);
      expect(result.summary).toEqual(summary);
    }
  });
});

test("there are twelve streams of each dialect", () => {
  for (const dialect of DIALECTS) expect(streamNames(dialect).length).toBeGreaterThanOrEqual(12);
});

describe.each(DIALECTS)("of %s", (dialect) => {
  test("calls beside one that is denied come out as they are, and all that the client sees is numbered anew", async () => {
    for (const denied of [0, 1, 2]) {
      let nth = 0;
      const decide = (): ReturnType<typeof release> =>
        nth++ === denied ? { effect: "replace", text: "No." } : { effect: "release" };
      const { bytes, summary } = await guarded(dialect, [stream(dialect, "parallel-tools")], decide);
      const left = summary.toolCalls.filter(({ verdict }) => verdict.effect === "release").map(({ call }) => call);
      expect(left).toHaveLength(2);
      for (const { id, name } of left) {
        expect(bytes.toString()).toContain(id);
        expect(bytes.toString()).toContain(name);
      }
      if (dialect === "openai-chat") {
        const indexes = dataOf(bytes).flatMap(({ choices }) =>
          (choices as Choice[]).flatMap(({ delta }) => (delta.tool_calls ?? []).map(({ index }) => index)),
        );
        expect([...new Set(indexes)]).toEqual([0, 1]);
        expect(bytes.toString()).toContain('"finish_reason":"tool_calls"');
      } else {
        const numbers = dataOf(bytes).map((data) => data.sequence_number as number);
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
        const last = dataOf(bytes).at(-1) as { response: { output: { type: string }[] } };
        expect(last.response.output.map(({ type }) => type)).toEqual(
          [0, 1, 2].map((i) => (i === denied ? "message" : "function_call")),
        );
      }
    }
  });

  test("a call gets other arguments, wherever a client reads them", async () => {
    const decide = (): ReturnType<typeof release> => ({ effect: "rewrite", arguments: { command: "true" } });
    const { bytes, asked } = await guarded(dialect, [stream(dialect, "one-tool")], decide);
    const out = bytes.toString();
    expect(out).toContain(JSON.stringify(JSON.stringify({ command: "true" })));
    expect(out).toContain(asked[0]?.id);
    expect(out).not.toContain("kubectl");
    expect(out).not.toContain("deploy");
  });
});
