import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { guardChatReply } from "../../../dialogue/openai/chat/reply.ts";
import { guardResponsesReply } from "../../../dialogue/openai/responses/reply.ts";
import type { ToolCall, ToolCallVerdict } from "../../../dialogue/types.ts";
import { DENIED, type Decide, dataOf, deny, release, stream } from "./streams.ts";

const call = (n: number, command: string): object => ({
  id: `call_${n}Secret`,
  type: "function",
  function: { name: "run_shell", arguments: JSON.stringify({ command }) },
});

/** As providers write them: with spaces, and numbers that no double holds. */
const CHAT = JSON.stringify(
  {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1795401600,
    model: "gpt-5.4-mini",
    choices: [
      {
        index: 0,
        message: {
          role: "assistant",
          content: "Let me.",
          refusal: null,
          tool_calls: [call(1, "kubectl get pods"), call(2, "kubectl delete ns")],
        },
        logprobs: { content: [{ token: "Let", logprob: -0.1 }] },
        finish_reason: "tool_calls",
      },
    ],
    usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, prompt_tokens_details: { cached_tokens: 4 } },
    cost: "@@",
  },
  null,
  1,
).replace('"@@"', "12345678901234567890123");

const RESPONSE = JSON.stringify(
  (dataOf(stream("openai-responses", "text-between-tools")).at(-1) as { response: object }).response,
  null,
  2,
);

const REPLIES = { "chat/completions": [CHAT, guardChatReply], responses: [RESPONSE, guardResponsesReply] } as const;

interface Guarded {
  body: string;
  summary: Awaited<ReturnType<typeof guardChatReply>>["summary"];
  status: number | undefined;
  asked: ToolCall[];
}

async function guarded(
  guard: typeof guardChatReply,
  body: string | Buffer,
  decide: Decide,
  callBytes?: number,
): Promise<Guarded> {
  const asked: ToolCall[] = [];
  const toolCall = async (each: ToolCall): Promise<ToolCallVerdict> => {
    asked.push(each);
    return decide(each);
  };
  const reply = await guard(Buffer.from(body), { toolCall }, callBytes === undefined ? {} : { callBytes });
  return { body: reply.body.toString(), summary: reply.summary, status: reply.status, asked };
}

describe.each(Object.entries(REPLIES))("a whole reply of %s", (dialect, [text, guard]) => {
  test("stays byte for byte where every call is released", async () => {
    const { body, summary, asked, status } = await guarded(guard, text, release);
    expect(body).toBe(text);
    expect(status).toBeUndefined();
    expect(asked).toHaveLength(2);
    expect(asked.map(({ arguments: read }) => read)).toEqual(asked.map(({ text: json }) => JSON.parse(json)));
    expect(summary.broken).toBeUndefined();
    expect(summary.usage.inputTokens).toBeGreaterThan(0);
    expect(summary.text).not.toBe("");
  });

  test("has words in the place of each call that is denied, and nothing of it", async () => {
    const { body, asked } = await guarded(guard, text, deny);
    for (const { id, name, text: json } of asked) {
      for (const secret of [id, name, json, JSON.stringify(json).slice(1, -1)]) expect(body).not.toContain(secret);
    }
    expect(body.split(DENIED)).toHaveLength(3);
    const reply = JSON.parse(body);
    if (dialect === "responses") {
      expect(reply.output.map(({ type }: { type: string }) => type)).toEqual(Array(5).fill("message"));
    } else {
      expect(reply.choices[0]).toEqual({
        index: 0,
        message: { role: "assistant", content: `Let me.\n\n${DENIED}\n\n${DENIED}`, refusal: null },
        logprobs: null,
        finish_reason: "stop",
      });
      expect(body).toContain('"cost": 12345678901234567890123');
    }
  });

  test("keeps the calls beside one that is denied as they are", async () => {
    const { body, asked } = await guarded(guard, text, (each) =>
      each.text.includes("get") ? release(each) : deny(each),
    );
    expect(body).toContain(asked[0]?.id);
    expect(body).not.toContain(asked[1]?.id);
    if (dialect !== "responses") expect(body).toContain('"finish_reason": "tool_calls"');
  });

  test("has a call with other arguments where it is rewritten", async () => {
    const { body, asked } = await guarded(guard, text, () => ({ effect: "rewrite", arguments: { command: "true" } }));
    expect(body).not.toContain("kubectl");
    expect(body.split(JSON.stringify(JSON.stringify({ command: "true" })))).toHaveLength(3);
    for (const { id } of asked) expect(body).toContain(id);
  });

  test("becomes an error in the API's shape where a decision is refused", async () => {
    const refused = new Refusal("recorder-unavailable", "the record cannot be written");
    const { body, status, summary } = await guarded(guard, text, () => Promise.reject(refused));
    expect(status).toBe(503);
    expect(summary.broken).toBe("the record cannot be written");
    expect(JSON.parse(body).error.message).toBe("The gateway ended this reply: the record cannot be written.");
    expect(body).not.toContain("call_");
  });

  test("is not passed where it cannot be read, or readers would differ", async () => {
    const bad: [string | Buffer, RegExp][] = [
      ["<html>", /not valid JSON/],
      ["[]", /no JSON object/],
      ["{}", /no choices|no output/],
      [Buffer.from([0x7b, 0xff, 0x7d]), /UTF-8/],
      [text.replace(/^\{/, '{"choices":[],"output":[],'), /stands twice/],
      [text.replace('"choices"', '"Choices"').replace('"output"', '"OUTPUT"'), /readers differ/],
      [text.replace('"tool_calls":', '"tool_call\u017f":').replace('"call_id"', '"Call_Id"'), /readers differ/],
      [text.replace("call_2Secret", "call_1Secret").replace("call_betwB2", "call_betwA1"), /one id/],
      [text.replace(/"run_shell"/, "7"), /no text/],
    ];
    for (const [body, why] of bad) {
      expect(body.toString()).not.toBe(text);
      const result = await guarded(guard, body, release);
      expect(`${result.summary.broken}`).toMatch(why);
      expect(result.status).toBe(502);
      expect(result.body).not.toContain("run_shell");
    }
  });

  test("is refused where a call is longer than it may be, and where nobody can judge it the call is", async () => {
    expect((await guarded(guard, text, release, 10)).summary.broken).toMatch(/more than 10 characters/);
    const twice = text.replaceAll('{\\"command\\":', '{\\"command\\":\\"true\\",\\"COMMAND\\":');
    expect(twice).not.toBe(text);
    const { body, asked } = await guarded(guard, twice, release);
    expect(asked).toEqual([]);
    expect(body.split("could not be judged: a key stands twice")).toHaveLength(3);
  });

  test("is passed as it is where the provider says that it failed", async () => {
    const failed = '{"error":{"message":"Slow down.","type":"rate_limit_error","code":"rate_limit_exceeded"}}';
    const { body, summary } = await guarded(guard, failed, release);
    expect(body).toBe(failed);
    expect(summary.broken).toBe("the provider ended it: rate_limit_exceeded");
  });
});

test("a response that failed has none of the calls that nobody decided", async () => {
  const failed = { ...JSON.parse(RESPONSE), status: "failed", error: { code: "server_error", message: "Oops." } };
  const { body, summary } = await guarded(guardResponsesReply, JSON.stringify(failed), release);
  expect(JSON.parse(body)).toEqual({ ...failed, output: [] });
  expect(summary.broken).toBe("the provider ended it: server_error");
});

test("a call of a type that nobody knows is decided as one in a response, and refused in chat/completions", async () => {
  const response = await guarded(guardResponsesReply, RESPONSE.replace('"function_call"', '"hologram_call"'), deny);
  expect(response.asked).toMatchObject([
    { name: "run_shell", arguments: { call_id: "call_betwA1" } },
    { name: "run_shell" },
  ]);
  expect(response.body).not.toContain("hologram");
  const chat = await guarded(guardChatReply, CHAT.replace('"function"', '"hologram"'), release);
  expect(chat.summary.broken).toMatch(/type that nobody knows/);
});

test("the calls of one reply are asked about together, so that people see all of them", async () => {
  const started: string[] = [];
  const both = Promise.withResolvers<void>();
  const { body } = await guarded(guardChatReply, CHAT, async ({ id }) => {
    started.push(id);
    if (started.length === 2) both.resolve();
    await both.promise;
    return { effect: "release" };
  });
  expect(body).toBe(CHAT);
});
