import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { guardReply } from "../../../dialogue/anthropic/reply.ts";
import type { ReplyLimits } from "../../../dialogue/anthropic/reply-guard.ts";
import type { ToolCall } from "../../../dialogue/types.ts";
import { DENIED, type Decide } from "./streams.ts";

/** With spaces and an order of keys that no serialiser of ours writes. */
const MESSAGE = `{ "id":"msg_1", "type": "message","role":"assistant","model":"claude-opus-4-6",
  "content":[ {"type":"text","text":"I'll \\u0064o both."} ,
    {"type":"tool_use" , "id":"toolu_1","name":"Bash","input": {"command": "kubectl delete ns shop", "n": 1.0} },
    {"input":{"path":"/tmp/\\u00e9"},"name":"Read","id":"toolu_2","type":"tool_use"},
    {"type":"server_tool_use","id":"srvtoolu_3","name":"web_search","input":{"query":"x"}}],
  "stop_reason":"tool_use","stop_sequence":null, "usage":{"input_tokens":10,"output_tokens":20} }\n`;
const BASH =
  '{"type":"tool_use" , "id":"toolu_1","name":"Bash","input": {"command": "kubectl delete ns shop", "n": 1.0} }';
const READ = '{"input":{"path":"/tmp/\\u00e9"},"name":"Read","id":"toolu_2","type":"tool_use"}';
const REPLACED = JSON.stringify({ type: "text", text: DENIED });

async function guarded(body: string, decide: Decide, limits?: ReplyLimits) {
  const result = await guardReply(Buffer.from(body), { toolCall: async (call) => decide(call) }, limits);
  return { ...result, text: result.body.toString() };
}

const deny =
  (...ids: string[]): Decide =>
  ({ id }) =>
    ids.includes(id) ? { effect: "replace", text: DENIED } : { effect: "release" };

describe("a reply that came whole", () => {
  test("is the provider's own bytes where every call is released", async () => {
    const body = Buffer.from(MESSAGE);
    const result = await guardReply(body, { toolCall: async () => ({ effect: "release" }) });
    expect(result.body).toBe(body);
    expect(result.status).toBeUndefined();
    expect(result.summary).toMatchObject({
      id: "msg_1",
      model: "claude-opus-4-6",
      stopReason: "tool_use",
      text: "I'll do both.",
      usage: { inputTokens: 10, outputTokens: 20 },
      serverTools: [{ id: "srvtoolu_3", name: "web_search" }],
    });
  });

  test("asks about each call in order, with its input as it stands there", async () => {
    const asked: ToolCall[] = [];
    await guarded(MESSAGE, (call) => {
      asked.push(call);
      return { effect: "release" };
    });
    expect(asked).toEqual([
      {
        id: "toolu_1",
        name: "Bash",
        index: 1,
        text: '{"command": "kubectl delete ns shop", "n": 1.0}',
        arguments: { command: "kubectl delete ns shop", n: 1 },
      },
      { id: "toolu_2", name: "Read", index: 2, text: '{"path":"/tmp/\\u00e9"}', arguments: { path: "/tmp/é" } },
    ]);
  });

  test("has text in the place of a call that is denied, and every other byte as it was", async () => {
    expect((await guarded(MESSAGE, deny("toolu_1"))).text).toBe(MESSAGE.replace(BASH, REPLACED));
    expect((await guarded(MESSAGE, deny("toolu_2"))).text).toBe(MESSAGE.replace(READ, REPLACED));
  });

  test("has text in the place of a call that brings more than is judged", async () => {
    const more = MESSAGE.replace('"name":"Read"', '"name":"Read","commands":["rm"]');
    const { text, summary } = await guarded(more, deny());
    expect(text).not.toContain("commands");
    expect(text).toContain(BASH);
    expect(summary.toolCalls.map(({ verdict }) => verdict.effect)).toEqual(["release", "replace"]);
  });

  test("ends its turn where no call is left", async () => {
    const { text, summary } = await guarded(MESSAGE, deny("toolu_1", "toolu_2"));
    const without = MESSAGE.replace(BASH, REPLACED).replace(READ, REPLACED);
    expect(text).toBe(without.replace('"stop_reason":"tool_use"', '"stop_reason":"end_turn"'));
    expect(summary.stopReason).toBe("tool_use");
  });

  test("passes as it is where it says that it ends in calls, and has none", async () => {
    const body = MESSAGE.replace(BASH, REPLACED).replace(READ, REPLACED);
    expect((await guarded(body, deny())).text).toBe(body);
  });

  test("has a new input where a call is rewritten, and every other byte as it was", async () => {
    const { text } = await guarded(MESSAGE, ({ id }) =>
      id === "toolu_1" ? { effect: "rewrite", arguments: { command: "true" } } : { effect: "release" },
    );
    expect(text).toBe(MESSAGE.replace('{"command": "kubectl delete ns shop", "n": 1.0}', '{"command":"true"}'));
  });

  test("gives words where the reason is empty, since the API takes no blank text back", async () => {
    const { text } = await guarded(MESSAGE, () => ({ effect: "replace", text: " \n" }));
    expect(JSON.parse(text).content[1].text).toBe("The gateway refused a tool call.");
  });

  test("of the provider's error is passed as it is", async () => {
    const error = '{"type":"error", "error":{"type":"overloaded_error","message":"Overloaded"}}';
    const { text, summary, status } = await guarded(error, deny());
    expect([text, summary.broken, status]).toEqual([error, "the provider ended it: overloaded_error", undefined]);
  });
});

describe("a reply that cannot be read becomes an error, and nothing of it is passed on", () => {
  const block = (text: string) => MESSAGE.replace(READ, text);
  test.each<[what: string, body: string, why: RegExp]>([
    ["no JSON", MESSAGE.slice(0, -3), /not valid JSON/],
    ["no object", "[]", /no JSON object/],
    ["no message", '{"content":[]}', /no message/],
    ["no content", '{"type":"message"}', /no message/],
    ["two contents", MESSAGE.replace('"content"', '"content":[],"content"'), /key stands twice/],
    ["two contents, one in capitals", MESSAGE.replace('"content"', '"Content":[],"content"'), /readers differ/],
    ["two types of a block", MESSAGE.replace('{"type":"text"', '{"type":"tool_use","type":"text"'), /key stands twice/],
    ["two names", MESSAGE.replace('"name":"Bash"', '"name":"Read","na\\u006de":"Bash"'), /key stands twice/],
    ["two inputs", MESSAGE.replace('"input":', '"input":{},"input":'), /key stands twice/],
    ["an input in capitals", MESSAGE.replace('"input":', '"Input":'), /readers differ/],
    ["a key of an input twice", MESSAGE.replace('"n": 1.0', '"command": "ls"'), /key stands twice/],
    ["a block that is no object", block('"tool_use"'), /does not know/],
    ["a block of a new kind with a call", block('{"type":"x","Function":{}}'), /does not know/],
    ["a call without input", block('{"type":"tool_use","id":"a","name":"b"}'), /no usable name, id or input/],
    ["a call without name", block('{"type":"tool_use","id":"a","input":{}}'), /no usable name, id or input/],
    ["two calls with one id", MESSAGE.replace("toolu_2", "toolu_1"), /one id/],
    ["nesting", block(`{"type":"x","a":${"[".repeat(100)}${"]".repeat(100)}}`), /nested deeper/],
  ])("%s", async (_, body, why) => {
    const { text, summary, status } = await guarded(body, () => {
      throw new Error("the hook was asked");
    });
    expect(status).toBe(502);
    expect(summary.broken).toMatch(why);
    expect(JSON.parse(text)).toEqual({
      type: "error",
      error: { type: "api_error", message: `The gateway ended this reply: ${summary.broken}.` },
    });
  });

  test("an error that has a message's content, in which some clients would find a call", async () => {
    const { text, status } = await guarded(MESSAGE.replace('"type": "message"', '"type": "error"'), () => {
      throw new Error("the hook was asked");
    });
    expect(status).toBe(502);
    expect(text).not.toContain("tool_use");
  });

  test("no UTF-8", async () => {
    const { status, summary } = await guardReply(Buffer.from(MESSAGE.replace("both", "\xff"), "latin1"), {
      toolCall: async () => ({ effect: "release" }),
    });
    expect([status, summary.broken]).toEqual([502, "it is not valid UTF-8"]);
  });

  test("more input than the limit", async () => {
    const { status, summary } = await guarded(MESSAGE, deny(), { argumentBytes: 60 });
    expect([status, summary.broken]).toEqual([502, expect.stringMatching(/more than 60 bytes of input/)]);
  });

  test("a hook that refuses gives its status and words", async () => {
    const { text, status } = await guarded(MESSAGE, () => {
      throw new Refusal("policy-failed", "the rules could not be read");
    });
    expect(status).toBe(403);
    expect(JSON.parse(text).error).toEqual({
      type: "permission_error",
      message: "The gateway ended this reply: the rules could not be read.",
    });
  });
});

test("a call of a whole reply whose input is no object is replaced by text that says why", async () => {
  const { text, summary } = await guarded(MESSAGE.replace('{"path":"/tmp/\\u00e9"}', '["/tmp"]'), deny());
  expect(JSON.parse(text).content[2]).toEqual({ type: "text", text: expect.stringMatching(/no JSON object/) });
  expect(summary.toolCalls.map(({ verdict }) => verdict.effect)).toEqual(["release", "replace"]);
});
