import { describe, expect, test } from "vitest";
import { deniedOf, withDeniedCalls } from "../../../dialogue/openai/responses/denied-calls.ts";
import { DENIED, dataOf, deny, guarded, stream } from "./streams.ts";

async function replied(name: string): Promise<{ output: object[]; denied: ReturnType<typeof deniedOf> }> {
  const { bytes, summary } = await guarded("openai-responses", [stream("openai-responses", name)], deny);
  const { response } = dataOf(bytes).at(-1) as { response: { output: object[] } };
  return { output: response.output, denied: deniedOf(summary.toolCalls) };
}

const sent = (request: object, denied: ReturnType<typeof deniedOf> = []): { input: object[] } =>
  JSON.parse(withDeniedCalls(Buffer.from(JSON.stringify(request)), denied).toString());

describe("a request that follows a call that was denied", () => {
  test("brings the words in its place without an id that the provider never gave, and without what led to the call", async () => {
    const { output } = await replied("reasoning");
    const { input } = sent({
      model: "m",
      input: [{ role: "user", content: "Hi." }, ...output, { role: "user", content: "Why?" }],
    });
    expect(input).toEqual([
      { role: "user", content: "Hi." },
      expect.objectContaining({ type: "message", content: [expect.objectContaining({ text: DENIED })] }),
      { role: "user", content: "Why?" },
    ]);
    expect(JSON.stringify(input)).not.toContain("msg_sallyport");
  });

  test("answers it where the provider keeps the call, by what answers each type of call", async () => {
    const calls = await Promise.all(
      ["one-tool", "custom-tool", "local-shell", "shell-and-patch", "computer-and-mcp"].map(replied),
    );
    const { input } = sent(
      { input: "Go on.", previous_response_id: "resp_1" },
      calls.flatMap(({ denied }) => denied),
    );
    expect(input).toEqual([
      { type: "function_call_output", call_id: "call_9xPz1BqLmR7tKfW2", output: DENIED },
      { type: "custom_tool_call_output", call_id: "call_customV4Lp", output: DENIED },
      { type: "local_shell_call_output", id: "call_localR5", output: DENIED, status: "incomplete" },
      expect.objectContaining({ type: "shell_call_output", call_id: "call_shellT7" }),
      { type: "apply_patch_call_output", call_id: "call_patchU8", status: "failed", output: DENIED },
      expect.objectContaining({ type: "mcp_approval_response", approve: false, reason: DENIED }),
      { role: "user", content: "Go on." },
    ]);
  });

  test("answers none that the client answered, and none where the provider keeps nothing", async () => {
    const { denied } = await replied("one-tool");
    const input = [{ type: "function_call_output", call_id: "call_9xPz1BqLmR7tKfW2", output: "no" }];
    const kept = Buffer.from(JSON.stringify({ input, conversation: "conv_1" }));
    expect(withDeniedCalls(kept, denied)).toBe(kept);
    const alone = Buffer.from('{"model":"m","input":"Go on."}');
    expect(withDeniedCalls(alone, denied)).toBe(alone);
  });

  test("stays byte for byte in all else", async () => {
    const { denied } = await replied("one-tool");
    const body =
      '{ "seed": 12345678901234567890, "input": [ {"role":"user", "content":"a"} ], "previous_response_id":"resp_1" }';
    expect(withDeniedCalls(Buffer.from(body), denied).toString()).toBe(
      `{ "seed": 12345678901234567890, "input": [${JSON.stringify({ type: "function_call_output", call_id: "call_9xPz1BqLmR7tKfW2", output: DENIED })},{"role":"user", "content":"a"}], "previous_response_id":"resp_1" }`,
    );
  });
});
