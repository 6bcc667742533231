import { expect, test } from "vitest";
import type { ToolCall } from "../../dialogue/types.ts";
import { toolDigests } from "../../proxy/model/tool-proposal.ts";

const exchange = {
  connection: { name: "gpt" },
  identity: { issuer: "dev", username: "agent" },
} as Parameters<typeof toolDigests>[0];
const digest = (call: Pick<ToolCall, "text" | "arguments" | "kind">): string[] =>
  Object.values(
    toolDigests(exchange, { id: "call_1", name: "shell", index: 0, ...call }, { hmacKey: Buffer.alloc(32, 1) }),
  );
const text = (input: string): string[] => digest({ text: input, arguments: { input } });

test("what was approved as the text of a custom tool approves no other text that reads as it", () => {
  const command = "kubectl delete namespace prod";
  const shown = text(JSON.stringify({ input: command }));
  expect(shown).not.toEqual(text(command));
  expect(text(command)).toEqual(text(command));
});

test("what was approved as a function's arguments approves no custom tool's text, and the other way", () => {
  const called = digest({ text: '{"input":"ls"}', arguments: { input: "ls" } });
  expect(called[0]).not.toBe(text("ls")[0]);
  expect(digest({ text: '{ "input": "ls" }', arguments: { input: "ls" } })).toEqual(called);
});
