import { describe, expect, test } from "vitest";
import { BEGUN, event, guarded } from "./streams.ts";

const release = () => ({ effect: "release" }) as const;
const DELTA = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"words"}}';

function reply(type: string, deltas: readonly string[]): Buffer {
  return Buffer.from(
    event("message_start", { message: BEGUN }) +
      event("content_block_start", { index: 0, content_block: { type, [type]: "" } }) +
      deltas.map((data) => `event: content_block_delta\ndata: ${data}\n\n`).join("") +
      event("content_block_stop", { index: 0 }) +
      event("message_delta", { delta: { stop_reason: "end_turn" }, usage: { output_tokens: 1 } }) +
      event("message_stop"),
  );
}

/** What becomes of a delta as the only one of its block, and as one behind another whose shape is known by then. */
async function bothWays(type: string, first: string, data: string) {
  const alone = await guarded([reply(type, [data])], release);
  const behind = await guarded([reply(type, [first, data])], release);
  return { alone, behind };
}

describe("an event that brings more words of a block", () => {
  const odd: [what: string, data: string][] = [
    ["the same", DELTA],
    ["other words", DELTA.replace("words", "größer 🙂")],
    ["no words", DELTA.replace("words", "")],
    ["the spaces that the API fills up with", `${DELTA}      `],
    ["other white space at its end", `${DELTA}\t `],
    ["what is no white space to JSON at its end", `${DELTA}\u00a0`],
    ["escapes", DELTA.replace("words", String.raw`\n \" \\ \u0041 \ud83d\ude42`)],
    ["half of a pair", DELTA.replace("words", String.raw`\ud83d`)],
    ["an escape that is none", DELTA.replace("words", String.raw`\x`)],
    ["a control character", DELTA.replace("words", "a\tb")],
    ["NUL", DELTA.replace("words", "a\0b")],
    ["a key behind its words", DELTA.replace('"words"', '"words","citation":1')],
    ["a call's input behind its words", DELTA.replace('"words"', '"words","partial_json":"{}"')],
    ["its words twice", DELTA.replace('"words"', '"words","text":"other"')],
    ["its words in capitals as well", DELTA.replace('"words"', '"words","Text":"other"')],
    ["a block beside its delta", `${DELTA.slice(0, -1)},"content_block":{"type":"tool_use"}}`],
    ["another index", DELTA.replace('"index":0', '"index":1')],
    ["another kind of delta", DELTA.replace("text_delta", "input_json_delta")],
    ["two values", `${DELTA}${DELTA}`],
    ["no end", DELTA.slice(0, -1)],
    ["no end of its words", DELTA.slice(0, -3)],
    ["words that are no string", DELTA.replace('"words"', "5")],
  ];

  test.each(odd)("with %s is read as it would be if it came first", async (_what, data) => {
    const { alone, behind } = await bothWays("text", DELTA, data);
    expect(behind.summary).toEqual({ ...alone.summary, text: `words${alone.summary.text}` });
    const first = `event: content_block_delta\ndata: ${DELTA}\n\n`;
    expect(behind.bytes.toString().replace(first, "")).toBe(alone.bytes.toString());
  });

  test("is read so whichever of its characters is another one", async () => {
    const wrong: string[] = [];
    for (let at = 0; at < DELTA.length; at++) {
      for (const other of ['"', "\\", "}", "{", ",", " ", "T", "0", "\u001f"]) {
        const data = DELTA.slice(0, at) + other + DELTA.slice(at + 1);
        const { alone, behind } = await bothWays("text", DELTA, data);
        const same = behind.summary.broken === alone.summary.broken;
        if (!same || behind.summary.text !== `words${alone.summary.text}`) wrong.push(data);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("is thinking in a block of thinking", async () => {
    const thinking = DELTA.replaceAll("text", "thinking");
    const { behind } = await bothWays("thinking", thinking, thinking.replace("words", " and more"));
    expect(behind.summary).toMatchObject({ text: "", thinking: "words and more" });
  });

  test("ends the reply behind the end of its block", async () => {
    const whole = reply("text", [DELTA, DELTA]).toString();
    const delta = `event: content_block_delta\ndata: ${DELTA}\n\n`;
    const late = whole.replace("event: message_delta", `${delta}event: message_delta`);
    const { summary, bytes } = await guarded([Buffer.from(late)], release);
    expect(summary.broken).toBe("a delta is for a block that is not open");
    expect(bytes.toString().split(delta)).toHaveLength(3);
  });
});
