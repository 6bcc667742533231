import { expect, test } from "vitest";
import { WIRES } from "../../proxy/model/dialects.ts";
import { Thoughts } from "../../proxy/model/thoughts.ts";

const anthropic = (...data: object[]): string =>
  data.map((one) => `event: ${(one as { type: string }).type}\ndata: ${JSON.stringify(one)}\n\n`).join("");
const thinking = (index: number, ...pieces: string[]): object[] => [
  { type: "content_block_start", index, content_block: { type: "thinking", thinking: "", signature: "" } },
  ...pieces.map((one) => ({ type: "content_block_delta", index, delta: { type: "thinking_delta", thinking: one } })),
  { type: "content_block_delta", index, delta: { type: "signature_delta", signature: "c2ln" } },
  { type: "content_block_stop", index },
];
const MESSAGE = { id: "m", type: "message", role: "assistant", model: "c", content: [], stop_reason: null, usage: {} };
const ANTHROPIC = anthropic(
  { type: "message_start", message: MESSAGE },
  ...thinking(0, "Let me ", "think of ü→😀.\n", "So."),
  ...thinking(1, "And again."),
  { type: "content_block_start", index: 2, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 2, delta: { type: "text_delta", text: "Done." } },
  { type: "content_block_stop", index: 2 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: {} },
  { type: "message_stop" },
);
const REASONING = {
  id: "rs",
  type: "reasoning",
  encrypted_content: "gAAA",
  summary: [
    { type: "summary_text", text: "Let me think of ü→😀.\nSo." },
    { type: "summary_text", text: "And again." },
  ],
};
const RESPONSE = { id: "r", object: "response", created_at: 1, status: "completed", model: "g", output: [REASONING] };
const OPENAI = anthropic(
  { type: "response.created", sequence_number: 0, response: { ...RESPONSE, status: "in_progress", output: [] } },
  { type: "response.output_item.added", sequence_number: 1, output_index: 0, item: { ...REASONING, summary: [] } },
  { type: "response.output_item.done", sequence_number: 2, output_index: 0, item: REASONING },
  { type: "response.completed", sequence_number: 3, response: RESPONSE },
);
const THOUGHTS = ["Let me think of ü→😀.\nSo.", "And again."];

test.for([
  ["anthropic.messages", ANTHROPIC, '"content_block_stop","index":0'],
  ["openai.responses", OPENAI, "output_item.done"],
] as const)(
  "each text of a model's thinking is heard once and before the client has all of it: %s",
  async ([dialect, stream, end]) => {
    const events: string[] = [];
    async function* chunks(): AsyncGenerator<Uint8Array> {
      const bytes = Buffer.from(stream);
      for (let i = 0; i < bytes.length; i += 7) yield bytes.subarray(i, i + 7);
    }
    const { bytes } = WIRES[dialect].guardReplyStream(chunks(), {
      toolCall: async () => ({ effect: "release" }),
      thought: (text) => void events.push(text),
    });
    let out = "";
    for await (const chunk of bytes) {
      out += Buffer.from(chunk).toString("latin1");
      if (out.includes(end)) events.push("(passed)");
    }
    expect(events.indexOf("(passed)")).toBeGreaterThan(0);
    expect(events.filter((one) => one !== "(passed)")).toEqual(THOUGHTS);
  },
);

test.for([
  [
    "anthropic.messages",
    {
      ...MESSAGE,
      stop_reason: "end_turn",
      content: THOUGHTS.map((one) => ({ type: "thinking", thinking: one, signature: "s" })),
    },
  ],
  ["openai.responses", RESPONSE],
] as const)("and of a reply that comes whole: %s", async ([dialect, reply]) => {
  const heard: string[] = [];
  await WIRES[dialect].guardReply(Buffer.from(JSON.stringify(reply)), {
    toolCall: async () => ({ effect: "release" }),
    thought: (text) => void heard.push(text),
  });
  expect(heard).toEqual(THOUGHTS);
});

test("what one provider thought in one session counts in no other one, and for no other provider", () => {
  const thoughts = new Thoughts();
  const of = (session: string, name: string) => ({ session: { id: session }, connection: { name } });
  thoughts.heard(of("s", "claude"), "it is so");
  expect(thoughts.has(of("s", "claude"), "it is so")).toBe(true);
  expect(thoughts.has(of("s", "claude"), "it is so.")).toBe(false);
  expect(thoughts.has(of("t", "claude"), "it is so")).toBe(false);
  expect(thoughts.has(of("s", "gpt"), "it is so")).toBe(false);
});
