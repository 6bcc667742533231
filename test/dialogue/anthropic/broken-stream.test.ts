import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { guardReplyStream } from "../../../dialogue/anthropic/reply-stream.ts";
import { type Decide, event, eventsOf, guarded, inPieces, stream } from "./streams.ts";

const START = event("message_start", { message: { id: "msg_1", type: "message", role: "assistant", content: [] } });
const END = event("message_delta", { delta: { stop_reason: "end_turn" }, usage: {} }) + event("message_stop");
const start = (index: number, content_block: object) => event("content_block_start", { index, content_block });
const delta = (index: number, rest: object) => event("content_block_delta", { index, delta: rest });
const stop = (index: number) => event("content_block_stop", { index });
const TEXT = start(0, { type: "text", text: "" }) + delta(0, { type: "text_delta", text: "Well." });
const CALL = { type: "tool_use", id: "toolu_SECRET", name: "SecretTool", input: {} };
const input = (index: number, partial_json: string) => delta(index, { type: "input_json_delta", partial_json });
const HELD = TEXT + stop(0) + start(1, CALL) + input(1, '{"command": "SECRET');

const never: Decide = () => {
  throw new Error("the hook was asked");
};

describe("a stream that cannot be read ends with one error event and one reason, and nothing of the call that was held", () => {
  const rows: [what: string, stream: string | Buffer, reason: RegExp][] = [
    ["nothing at all", "", /before message_stop/],
    ["no message_start", TEXT, /outside the message/],
    ["two message_starts", START + START, /began twice/],
    ["a message that begins with content", event("message_start", { message: { content: [CALL] } }), /brings content/],
    ["a message_start without a message", event("message_start"), /has no message/],
    ["blocks that interleave", START + TEXT + start(1, CALL), /within another/],
    ["a block that begins twice", START + TEXT + start(0, { type: "text", text: "" }), /within another/],
    ["an index that was used", START + TEXT + stop(0) + start(0, CALL), /not in order/],
    ["an index that is left out", START + start(1, CALL), /not in order/],
    ["an index below zero", START + TEXT + stop(0) + start(-1, CALL), /not in order/],
    ["an index that is text", START + event("content_block_start", { index: "0", content_block: CALL }), /not in order/],
    ["a block without content_block", START + event("content_block_start", { index: 0 }), /no content_block/],
    ["a block without a type", START + start(0, { name: "x", input: {} }), /kind that the gateway does not know/],
    ["a block that may be a new kind of call", START + start(0, { type: "function_call", id: "x" }), /does not know/],
    ["a block that is named like a tool", START + start(0, { type: "client_tool", id: "x" }), /does not know/],
    ["a block with a name and no input", START + start(0, { type: "action", name: "SECRET" }), /does not know/],
    ["a block with arguments", START + start(0, { type: "action", Arguments: "SECRET" }), /does not know/],
    ["a call without an id", START + start(0, { type: "tool_use", name: "SECRET", input: {} }), /no usable name or id/],
    ["a call whose name is no text", START + start(0, { ...CALL, name: ["SECRET"] }), /no usable name or id/],
    ["a call whose name is too long", START + start(0, { ...CALL, name: "x".repeat(257) }), /no usable name or id/],
    ["a delta before any block", START + delta(0, { type: "text_delta", text: "x" }), /not open/],
    ["a delta for another block", START + TEXT + delta(1, { type: "text_delta", text: "x" }), /not open/],
    ["a delta for the held call's neighbour", START + HELD + input(0, "x"), /not open/],
    ["a delta after its block", START + TEXT + stop(0) + delta(0, { type: "text_delta", text: "x" }), /not open/],
    ["a delta without a delta", START + TEXT + event("content_block_delta", { index: 0 }), /delta is empty/],
    ["input for a text", START + TEXT + input(0, '{"command": "SECRET"}'), /no tool call gets input/],
    ["input of a new kind for a text", START + TEXT + delta(0, { type: "x", arguments: "SECRET" }), /gets input/],
    ["a delta that is named like input", START + TEXT + delta(0, { type: "tool_json", chunk: "SECRET" }), /gets input/],
    ["input for what a tool gave", START + start(0, { type: "web_search_tool_result", content: [] }) + input(0, '"SECRET"'), /gets input/],
    ["a stop without a start", START + stop(0), /not open ends/],
    ["a stop twice", START + TEXT + stop(0) + stop(0), /not open ends/],
    ["a stop of another block", START + TEXT + stop(1), /not open ends/],
    ["an end within a text", START + TEXT + event("message_stop"), /ended within a block/],
    ["an end within a call", START + HELD + event("message_stop"), /ended within a block/],
    ["a message_delta within a text", START + TEXT + END, /message_delta is within a block/],
    ["a message_delta within a call", START + HELD + END, /message_delta is within a block/],
    ["a message_delta that brings content", START + event("message_delta", { delta: { content: [CALL] } }), /content/],
    ["a block after message_delta", START + event("message_delta", { delta: {} }) + start(0, CALL), /outside the message/],
    ["an end before the beginning", event("message_stop"), /before it began/],
    ["no end", START + TEXT + stop(0), /before message_stop/],
    ["a call that is never whole", START + HELD, /before message_stop/],
    ["an event after message_stop", START + END + start(0, CALL), /after message_stop/],
    ["a message after the message", START + END + START, /after message_stop/],
    ["an event of a new kind with a call", START + event("tool_start", { tool: CALL }), /does not know/],
    ["an event of a new kind with a block", START + event("extra", { content_block: {} }), /does not know/],
    ["an event of a new kind with a call deep within", START + event("extra", { a: [{ b: { Name: "SECRET" } }] }), /does not know/],
    ["a new kind of block event", START + event("content_block_patch", { index: 0 }), /does not know/],
    ["a name that is not the data's type", START + start(0, CALL).replace("event: content_block_start", "event: ping"), /differ/],
    ["data with no name", START + start(0, CALL).replace("event: content_block_start\n", ""), /differ/],
    ["an error without data", `${START}event: error\n\n`, /of a kind/],
    ["a stop that brings a block", START + TEXT + event("content_block_stop", { index: 0, content_block: CALL }), /another kind/],
    ["a delta that brings a block", START + TEXT + event("content_block_delta", { index: 0, delta: {}, content_block: CALL }), /another kind/],
    ["a ping that brings a message", START + event("ping", { message: { content: [CALL] } }), /another kind/],
    ["data in two lines", START + start(0, CALL).replace('"index"', '\ndata: "index"'), /several lines/],
    ["data that is no JSON", `${START}event: ping\ndata: {"type": "ping",}\n\n`, /not valid JSON/],
    ["data that is no object", `${START}event: ping\ndata: ["ping"]\n\n`, /no JSON object/],
    ["data that is cut off", `${START}${HELD}event: content_block_stop\ndata: {"type":"content_block_stop",\n\n`, /not valid JSON/],
    ["a type twice", START + start(0, CALL).replace('{"type"', '{"type":"ping","type"'), /key stands twice/],
    ["a block twice", START + start(0, CALL).replace('"content_block"', '"content_block":{"type":"text"},"content_block"'), /twice/],
    ["a block's type twice", START + start(0, CALL).replace('{"type":"tool_use"', '{"type":"text","type":"tool_use"'), /twice/],
    ["a block's type twice, once in capitals", START + start(0, CALL).replace('{"type":"tool_use"', '{"type":"text","Type":"tool_use"'), /readers differ/],
    ["a block's type twice, once in escapes", START + start(0, CALL).replace('{"type":"tool_use"', '{"type":"text","t\\u0079pe":"tool_use"'), /twice/],
    ["an input in capitals", START + start(0, CALL).replace('"input"', '"Input"'), /readers differ/],
    ["an input twice", START + start(0, CALL).replace('"input":{}', '"input":{},"input":{"a":"SECRET"}'), /twice/],
    ["data that is nested too deep", `${START}event: ping\ndata: {"type":"ping","a":${"[".repeat(100)}${"]".repeat(100)}}\n\n`, /nested deeper/],
    ["a block with fields that it inherits", START + start(0, CALL).replace('"input"', '"__proto__":{"toolset_name":"SECRET"},"input"'), /readers differ/],
    ["bytes that are no UTF-8", Buffer.concat([Buffer.from(START + HELD), Buffer.from("data: \xff\n\n", "latin1")]), /not valid UTF-8/],
    ["an end within an event", START + HELD + stop(1).slice(0, -1), /within an event/],
    ["two calls with one id", START + HELD.replace(TEXT + stop(0), "").replaceAll('"index":1', '"index":0') + input(0, '"}') + stop(0) + start(1, CALL), /one id/],
  ]; // biome-ignore format: a row a stream

  test.each(rows)("%s", async (_, broken, reason) => {
    const bytes = typeof broken === "string" ? Buffer.from(broken) : broken;
    const decide: Decide = /one id/.test(String(reason)) ? () => ({ effect: "replace", text: "No." }) : never;
    const whole = await guarded([bytes], decide);
    expect(whole.summary.broken).toMatch(reason);
    const events = eventsOf(whole.bytes);
    expect(events.filter((each) => each.event === "error")).toHaveLength(1);
    expect(JSON.parse(events.at(-1)?.data ?? "")).toEqual({
      type: "error",
      error: { type: "api_error", message: `The gateway ended this reply: ${whole.summary.broken}.` },
    });
    expect(whole.bytes.toString()).not.toContain("SECRET");
    for (const size of [1, 3, 50]) {
      expect(await guarded(inPieces(bytes, size), decide)).toEqual(whole);
    }
  });
});

describe("a tool call that cannot be decided is replaced by text that says why, and its client is asked nothing", () => {
  const rows: [what: string, block: string, why: RegExp][] = [
    ["input that was cut off", start(0, CALL) + input(0, '{"command": "SEC') + input(0, "RET") + stop(0), /not valid JSON/],
    ["input that is no object", start(0, CALL) + input(0, '["SECRET"]') + stop(0), /no JSON object/],
    ["input of two objects", start(0, CALL) + input(0, '{"a":1}{"command":"SECRET"}') + stop(0), /not valid JSON/],
    ["a key twice", start(0, CALL) + input(0, '{"command":"ls","command":"SECRET"}') + stop(0), /key stands twice/],
    ["a key twice below", start(0, CALL) + input(0, '{"a":[{"b":"SECRET","\\u0062":2}]}') + stop(0), /key stands twice/],
    ["half of a surrogate pair", start(0, CALL) + input(0, '{"command":"SECRET\\ud83d"}') + stop(0), /half of a surrogate/],
    ["half of a surrogate pair as a character", start(0, CALL) + input(0, '{"command":"SECRET\ud83d"}') + stop(0), /half of a surrogate/],
    ["a number that no reader can hold", start(0, CALL) + input(0, '{"SECRET":1e999}') + stop(0), /not valid JSON/],
    ["input that is nested too deep", start(0, CALL) + input(0, `{"SECRET":${"[".repeat(100)}${"]".repeat(100)}}`) + stop(0), /nested deeper/],
    ["input with the block and in deltas", start(0, { ...CALL, input: { a: "SECRET" } }) + input(0, "{}") + stop(0), /came twice/],
    ["input with the block and an empty delta", start(0, { ...CALL, input: { a: "SECRET" } }) + input(0, "") + stop(0), /came twice/],
    ["input with the block that is no object", start(0, { ...CALL, input: "SECRET" }) + stop(0), /no JSON object/],
    ["a delta of another kind", start(0, CALL) + delta(0, { type: "input_patch", text: "SECRET" }) + input(0, "{}") + stop(0), /form that the gateway does not know/],
    ["a delta whose input is no text", start(0, CALL) + delta(0, { type: "input_json_delta", partial_json: { a: "SECRET" } }) + stop(0), /form that/],
    ["the buffer that @anthropic-ai/sdk goes on with", start(0, { ...CALL, __json_buf: '{"command":"SECRET","a":' }) + input(0, '{"b":1}') + stop(0), /field that the gateway does not know/],
    ["the same, and an empty delta", start(0, { ...CALL, __json_buf: '{"command":"SECRET"}' }) + input(0, "") + stop(0), /field that the gateway does not know/],
    ["a field of a kind to come", start(0, { ...CALL, commands: ["SECRET"] }) + input(0, "{}") + stop(0), /field that the gateway does not know/],
    ["text within a call", start(0, CALL) + delta(0, { type: "text_delta", text: "SECRET" }) + stop(0), /form that/],
  ]; // biome-ignore format: a row a stream

  test.each(rows)("%s", async (_, block, why) => {
    const end = END.replace("end_turn", "tool_use");
    const { bytes, summary } = await guarded([Buffer.from(START + block + end)], never);
    expect(summary.broken).toBeUndefined();
    expect(bytes.toString()).not.toContain("SECRET");
    const [verdict] = summary.toolCalls.map((each) => each.verdict);
    expect(verdict).toMatchObject({ effect: "replace", text: expect.stringMatching(why) });
    const [, begin, words, , last] = eventsOf(bytes).map(({ data }) => JSON.parse(data ?? ""));
    expect(begin.content_block).toEqual({ type: "text", text: "" });
    expect(words.delta.text).toMatch(why);
    expect(last.delta.stop_reason).toBe("end_turn");
  });
});

describe("limits", () => {
  const piece = input(0, "x".repeat(1000));
  test("more input than the limit ends the reply, in however many calls", async () => {
    const limits = { argumentBytes: 3000 };
    const once = Buffer.from(START + start(0, CALL) + piece.repeat(4));
    expect((await guarded([once], never, limits)).summary.broken).toMatch(/more than 3000 bytes of input/);
    const second = start(1, { ...CALL, id: "toolu_2" }) + piece.replaceAll('"index":0', '"index":1').repeat(2);
    const twice = Buffer.from(START + start(0, CALL) + input(0, `{"a":"${"x".repeat(2000)}"}`) + stop(0) + second);
    const { summary } = await guarded([twice], () => ({ effect: "release" }), limits);
    expect(summary.broken).toMatch(/more than 3000 bytes of input/);
    expect(summary.toolCalls).toHaveLength(1);
  });

  test("that limit is 10 MiB where none is given", async () => {
    function* endless(): Generator<Uint8Array> {
      yield Buffer.from(START + start(0, CALL));
      const megabyte = Buffer.from(input(0, "x".repeat(1024 * 1024)));
      for (let i = 0; i < 50; i++) yield megabyte;
    }
    const { bytes, summary } = await guarded(endless(), never);
    expect(summary.broken).toMatch(/more than 10485760 bytes of input/);
    expect(bytes.length).toBeLessThan(1000);
  });

  test("events that are held are bounded too, since deltas may be empty", async () => {
    const bytes = Buffer.from(START + start(0, CALL) + input(0, "").repeat(1000));
    const { summary } = await guarded([bytes], never, { heldBytes: 50_000 });
    expect(summary.broken).toMatch(/takes more than 50000 bytes/);
  });

  test("an event that is too long ends the reply", async () => {
    const { summary } = await guarded([stream("one-tool")], never, { eventBytes: 300 });
    expect(summary.broken).toMatch(/event is longer than 300 bytes/);
  });

  test("more blocks than any model writes end the reply", async () => {
    const blocks = Array.from({ length: 10_001 }, (_, i) => start(i, { type: "text", text: "" }) + stop(i)).join("");
    expect((await guarded([Buffer.from(START + blocks)], never)).summary.broken).toMatch(/more than 10000 blocks/);
  });
});

describe("whoever else ends a reply", () => {
  test("an error of the provider goes out as it came, and the call that was held does not", async () => {
    const error =
      'event: error\ndata: {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}\n\n';
    const { bytes, summary } = await guarded([Buffer.from(START + HELD + error + stop(1))], never);
    expect(bytes.toString()).toBe(START + TEXT + stop(0) + error);
    expect(summary.broken).toBe("the provider ended it: overloaded_error");
  });

  test("a hook that refuses ends it with the refusal's words and type", async () => {
    const { bytes, summary } = await guarded([stream("one-tool")], () => {
      throw new Refusal("session-ended", "the session was ended");
    });
    const last = JSON.parse(eventsOf(bytes).at(-1)?.data ?? "");
    expect(last.error).toEqual({
      type: "authentication_error",
      message: "The gateway ended this reply: the session was ended.",
    });
    expect(summary.broken).toBe("the session was ended");
    expect(bytes.includes("toolu_")).toBe(false);
  });

  test("a hook that fails ends it without its words", async () => {
    const { bytes } = await guarded([stream("one-tool")], () => {
      throw new Error("password is hunter2");
    });
    expect(bytes.toString()).not.toContain("hunter2");
    expect(eventsOf(bytes).at(-1)?.event).toBe("error");
  });

  test("a hook that gives no verdict releases nothing", async () => {
    const { bytes } = await guarded([stream("one-tool")], () => ({ effect: "allow" }) as never);
    expect(bytes.includes("toolu_")).toBe(false);
    expect(eventsOf(bytes).at(-1)?.event).toBe("error");
  });

  test("a stream that breaks off ends with an error event, after what had come", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(START + HELD);
      throw new Error("socket hang up at 10.1.2.3");
    }
    const reply = guardReplyStream(failing(), { toolCall: async (call) => never(call) });
    const out: Uint8Array[] = [];
    for await (const piece of reply.bytes) out.push(piece);
    const text = Buffer.concat(out).toString();
    expect(text.startsWith(START + TEXT + stop(0))).toBe(true);
    expect(JSON.parse(eventsOf(Buffer.concat(out)).at(-1)?.data ?? "").error.type).toBe("api_error");
    expect(text).not.toContain("10.1.2.3");
    expect((await reply.summary).broken).toBe("the provider's stream failed");
  });

  test("a connection that breaks behind message_stop leaves the reply whole", async () => {
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield stream("text");
      throw new Error("socket hang up");
    }
    const reply = guardReplyStream(failing(), { toolCall: async (call) => never(call) });
    const out: Uint8Array[] = [];
    for await (const piece of reply.bytes) out.push(piece);
    expect(Buffer.concat(out)).toEqual(stream("text"));
    expect((await reply.summary).broken).toBeUndefined();
  });

  test("a refusal that the stream throws, since its session was ended, goes to the client in its own words", async () => {
    async function* ended(): AsyncGenerator<Uint8Array> {
      yield Buffer.from(START + HELD);
      throw new Refusal("session-ended", "the session was ended by an operator");
    }
    const reply = guardReplyStream(ended(), { toolCall: async (call) => never(call) });
    const out: Uint8Array[] = [];
    for await (const piece of reply.bytes) out.push(piece);
    const { error } = JSON.parse(eventsOf(Buffer.concat(out)).at(-1)?.data ?? "");
    expect(error.message).toBe("The gateway ended this reply: the session was ended by an operator.");
    expect((await reply.summary).broken).toBe("the session was ended by an operator");
  });

  test("what follows message_stop may be pings, comments and OpenAI's [DONE]", async () => {
    const tail = `${event("ping")}: bye\n\ndata: [DONE]\n\n`;
    const { bytes, summary } = await guarded([Buffer.from(START + END + tail)], never);
    expect(bytes.toString()).toBe(START + END + tail);
    expect(summary.broken).toBeUndefined();
  });
});
