import { describe, expect, test } from "vitest";
import { guardChatReply } from "../../../dialogue/openai/chat/reply.ts";
import { editEvent } from "../../../dialogue/openai/event-text.ts";
import { BrokenReply } from "../../../dialogue/sse/broken-reply.ts";
import type { ToolCallVerdict } from "../../../dialogue/types.ts";
import { args, begun, chat, EVIL, ended, functionCall, GOOD, type Json, passed, responses } from "./hostile.ts";
import { DENIED, deny, type Name, release } from "./streams.ts";

const at = { output_index: 0, item_id: "it_1" };
const piece = (delta: string): [string, Json] => ["function_call_arguments.delta", { ...at, delta }];
const said = (command: string, more: Json = {}): [string, Json] => [
  "function_call_arguments.done",
  { ...at, arguments: args(command), ...more },
];
const custom = (input: string): Json => ({
  type: "custom_tool_call",
  id: "it_1",
  call_id: "call_1",
  name: "sh",
  input,
});
const typed = (step: string, data: Json): [string, Json] => [`custom_tool_call_input.${step}`, { ...at, ...data }];
const shell = (commands: string[], more: Json = {}): Json => ({
  type: "shell_call",
  id: "it_1",
  call_id: "call_1",
  action: { commands, timeout_ms: null, max_output_length: null },
  environment: { type: "local" },
  ...more,
});
const command = (step: string, data: Json): [string, Json] => [
  `shell_call_command.${step}`,
  { output_index: 0, command_index: 0, ...data },
];
const patch = (diff: string): Json => ({
  type: "apply_patch_call",
  id: "it_1",
  call_id: "call_1",
  operation: { type: "update_file", path: "web.yaml", diff },
});
const diff = (step: string, data: Json): [string, Json] => [
  `apply_patch_call_operation_diff.${step}`,
  { ...at, ...data },
];

/** Streams of one call, which some part of them says otherwise than what is judged. */
const RESPONSES: [what: string, stream: string, why: RegExp][] = [
  ["the end of its arguments says others, without pieces", responses([begun(functionCall(undefined)), said(EVIL), ended(functionCall(GOOD))], [functionCall(GOOD)]), /not what its pieces were/],
  ["the end of its arguments comes behind the call", responses([begun(functionCall(undefined)), ended(functionCall(GOOD)), said(EVIL)], []), /after its end/],
  ["pieces come behind the call", responses([begun(functionCall(undefined)), ended(functionCall(GOOD)), piece(args(EVIL))], []), /after its end/],
  ["pieces come behind the end of its arguments", responses([begun(functionCall(undefined)), said(GOOD), piece(args(EVIL)), ended(functionCall(GOOD))], []), /after its end/],
  ["the end of its arguments comes twice", responses([begun(functionCall(undefined)), said(EVIL), said(GOOD), ended(functionCall(GOOD))], []), /after its end/],
  ["the end of its arguments says another name", responses([begun(functionCall(undefined)), said(GOOD, { name: EVIL }), ended(functionCall(GOOD))], []), /changed its name/],
  ["its beginning has other arguments", responses([begun(functionCall(EVIL)), piece(args(GOOD)), said(GOOD), ended(functionCall(GOOD))], []), /not what its pieces were/],
  ["more of an input comes behind its end", responses([begun(custom("")), typed("delta", { delta: EVIL }), typed("done", { input: EVIL }), typed("delta", { delta: "-sandbox --dry-run" }), ended(custom(`${EVIL}-sandbox --dry-run`))], []), /after its end/],
  ["the end of an input says another", responses([begun(custom("")), typed("done", { input: EVIL }), ended(custom(GOOD))], []), /not what its pieces were/],
  ["the end of a shell's command says another", responses([begun(shell([])), command("added", { command: "" }), command("done", { command: EVIL }), ended(shell([GOOD]))], []), /not what its pieces were/],
  ["a shell's command goes on behind its end", responses([begun(shell([])), command("added", { command: "" }), command("done", { command: EVIL }), command("delta", { delta: "-sandbox" }), ended(shell([`${EVIL}-sandbox`]))], []), /after its end/],
  ["a shell's command begins twice", responses([begun(shell([])), command("added", { command: EVIL }), command("added", { command: GOOD }), ended(shell([GOOD]))], []), /command_index/],
  ["its beginning has another command", responses([begun(shell([EVIL])), ended(shell([GOOD]))], []), /changed its action/],
  ["the end of a patch says another", responses([begun(patch("")), diff("done", { diff: EVIL }), ended(patch(GOOD))], []), /not what its pieces were/],
  ["a patch goes on behind its end", responses([begun(patch("")), diff("done", { diff: EVIL }), diff("delta", { delta: "-x" }), ended(patch(`${EVIL}-x`))], []), /after its end/],
  ["the whole response has it of other tools", responses([begun(functionCall(undefined)), ended(functionCall(GOOD))], [functionCall(GOOD, { namespace: EVIL })]), /another one in the whole response/],
  ["the whole response has it with other arguments", responses([begun(functionCall(undefined)), ended(functionCall(GOOD))], [functionCall(EVIL)]), /another one in the whole response/],
  ["the whole response has it as a call of another type", responses([begun(functionCall(undefined)), ended(functionCall(GOOD))], [{ ...custom(EVIL), name: "Bash" }]), /another one in the whole response/],
  ["the whole response has it as one that ran at the provider", responses([begun(shell([])), ended(shell([GOOD]))], [shell([EVIL], { environment: { type: "container_reference", container_id: "c" } })]), /another one in the whole response/],
  ["the whole response alone has it, as one that ran at the provider", responses([begun(shell([], { environment: null }))], [shell([EVIL], { environment: { type: "container_reference", container_id: "c" } })]), /another one in the whole response/],
  ["the whole response has a tool of the provider with its id", responses([begun(functionCall(undefined)), ended(functionCall(GOOD))], [{ type: "mcp_call", id: "it_1", name: "Bash", arguments: args(EVIL), server_label: "x" }]), /another one in the whole response/],
  ["the whole response has it under another caller", responses([begun(functionCall(undefined)), ended(functionCall(GOOD))], [functionCall(GOOD, { caller: { type: "program", caller_id: EVIL } })]), /another one in the whole response/],
  ["the whole response has it with another limit", responses([begun(shell([])), ended(shell([GOOD]))], [shell([GOOD], { action: { commands: [GOOD], timeout_ms: 1, max_output_length: null, user: EVIL } })]), /another one in the whole response/],
  ["the whole response has the ids of two calls in one", responses([begun(functionCall(undefined)), ended(functionCall(GOOD)), ["output_item.done", { output_index: 1, item: functionCall(GOOD, { id: "it_2", call_id: "call_2" }) }]], [functionCall(GOOD, { id: "it_2", name: EVIL })]), /another one in the whole response/],
  ["a response on its way has a tool of the provider with its id", responses([begun(shell([])), ["in_progress", { response: { id: "resp_1", output: [shell([EVIL], { environment: { type: "container_reference", container_id: "c" } })] } }], ended(shell([GOOD]))], []), /before it came/],
  ["two calls have one id of an item", responses([ended(functionCall(GOOD)), ["output_item.done", { output_index: 1, item: functionCall(GOOD, { call_id: "call_2", name: EVIL }) }]], []), /two items have one id/],
  ["an item brings a prototype", responses([ended(functionCall(GOOD, { ["__proto__"]: { arguments: args(EVIL) } }))]), /readers differ/],
  ["an item has a field that nobody knows", responses([ended(functionCall(GOOD, { parsed_arguments: { command: EVIL } }))]), /nobody knows/],
  ["an item has the arguments of another type", responses([ended({ ...shell([GOOD]), arguments: args(EVIL) })]), /nobody knows/],
  ["a custom call has arguments beside its input", responses([ended({ ...custom(GOOD), arguments: args(EVIL) })]), /nobody knows/],
  ["a piece has arguments of its own", responses([begun(functionCall(undefined)), ["function_call_arguments.delta", { ...at, delta: args(GOOD), arguments: args(EVIL) }], ended(functionCall(GOOD))]), /cannot be read/],
  ["the end of its arguments has an item", responses([begun(functionCall(undefined)), said(GOOD, { item: functionCall(EVIL) }), ended(functionCall(GOOD))]), /cannot be read/],
  ["the whole response brings a prototype", responses([ended(functionCall(GOOD))], [functionCall(GOOD, { caller: { ["__proto__"]: EVIL } })]), /readers differ/],
]; // biome-ignore format: a row a stream

/** What providers have otherwise in the whole response than in its events. */
const ALIKE: [what: string, stream: string][] = [
  ["another status", responses([begun(functionCall(undefined, { status: "in_progress" })), ended(functionCall(GOOD, { status: "in_progress" }))], [functionCall(GOOD, { status: "completed" })])],
  ["another id of the item", responses([begun(functionCall(undefined)), ended(functionCall(GOOD))], [functionCall(GOOD, { id: "it_other" })])],
  ["no namespace in place of none", responses([begun(functionCall(undefined, { namespace: null })), ended(functionCall(GOOD, { namespace: null }))], [functionCall(GOOD)])],
  ["what answered it beside it", responses([ended(shell([GOOD])), ["output_item.done", { output_index: 1, item: { type: "shell_call_output", id: "out_1", call_id: "call_1", output: [] } }]], [shell([GOOD]), { type: "shell_call_output", id: "out_1", call_id: "call_1", output: [] }])],
  ["two calls without ids", responses([0, 1].map((output_index) => ["output_item.done", { output_index, item: functionCall(GOOD, { id: undefined, call_id: "" }) }]), [functionCall(GOOD, { id: undefined, call_id: "" }), functionCall(GOOD, { id: undefined, call_id: "" })])],
]; // biome-ignore format: a row a stream

test.each(ALIKE)(
  "a call that the whole response has with %s passes, and is asked about once",
  async (_what, stream) => {
    for (const { bytes, summary, asked } of await passed("openai-responses", stream, release)) {
      expect(bytes.toString()).toBe(stream);
      expect(summary.broken).toBeUndefined();
      expect(asked).toHaveLength(stream.includes('"call_id":""') ? 2 : 1);
    }
  },
);

/** Streams of a call that is judged, and of which nothing may be left where it is denied. */
const BEHIND_A_BOM: [what: string, stream: string][] = [
  ["response.completed", '\uFEFFdata: {"type":"response.completed","sequence_number":0,"response":{"id":"r","status":"completed","output":[CALL]}}\n\n'],
  ["response.completed behind a comment", '\uFEFF: hello\ndata:{"sequence_number":0,"response":{"output":[CALL],"id":"r","status":"completed"},"type":"response.completed"}\r\n\r\n'],
  ["response.failed", '\uFEFFdata: {"type":"response.failed","sequence_number":0,"response":{"id":"r","status":"failed","error":null,"output":[CALL]}}\n\n'],
]; // biome-ignore format: a row a stream

test.each(BEHIND_A_BOM)("a denied call in %s, behind a byte order mark, reaches no client", async (what, stream) => {
  const text = stream.replace("CALL", JSON.stringify(functionCall(EVIL)));
  for (const { bytes, read, asked } of await passed("openai-responses", text, deny)) {
    expect(asked).toHaveLength(what === "response.failed" ? 0 : 1);
    expect(bytes.toString()).not.toContain("delete ns");
    expect(read).not.toContain("delete ns");
    expect(read).toContain(what === "response.failed" ? '"output":[]' : DENIED);
  }
});

test("an edit that finds nothing to edit ends the reply", () => {
  const event = Buffer.from('data: {"response":{}}\n\n');
  expect(() => editEvent(event, [{ path: ["response", "output", 0], json: "{}" }])).toThrow(BrokenReply);
  expect(() => editEvent(Buffer.from(": ping\n\n"), [{ path: [], json: "{}" }])).toThrow(BrokenReply);
});

const part = (delta: Json, more: Json = {}): Json => ({ delta: { role: "assistant", ...delta }, ...more });
const input = (text: string): Json => ({
  tool_calls: [{ index: 0, id: "call_1", type: "custom", custom: { name: "sh", input: text } }],
});
const calling = (text: string, more: Json = {}): Json => ({
  tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "Bash", arguments: text }, ...more }],
});
const ending: Json = { finish_reason: "tool_calls" };
const again = { message: { role: "assistant", content: null } };

const CHAT: [what: string, stream: string, why: RegExp][] = [
  ["a message beside a piece begins an input anew", chat([part(input("echo ")), part(input(EVIL), again), ending]), /beside the pieces/],
  ["a message beside a piece begins arguments anew", chat([part(calling('{"command":"ls","x":')), part(calling(args(EVIL)), again), part(calling("}")), ending]), /beside the pieces/],
  ["a message of words stands beside a piece", chat([part(calling(args(GOOD))), { delta: {}, message: { role: "assistant", content: EVIL } }, ending]), /beside the pieces/],
  ["an input goes on as a function's arguments", chat([part(input(EVIL)), part({ tool_calls: [{ index: 0, type: "", function: { arguments: "-sandbox --dry-run" } }] }), ending]), /changed its type/],
  ["arguments go on as an input", chat([part(calling(args(GOOD))), part({ tool_calls: [{ index: 0, type: "", custom: { input: EVIL } }] }), ending]), /changed its type/],
  ["a call without a type goes on as another", chat([part(calling(args(GOOD), { type: "" })), part({ tool_calls: [{ index: 0, custom: { input: EVIL } }] }), ending]), /changed its type/],
  ["a function's call is said to be a custom one", chat([part({ tool_calls: [{ index: 0, id: "call_1", type: "custom" }] }), part(calling(args(EVIL), { type: "" })), ending]), /changed its type/],
  ["a call's entry brings a prototype", chat([part(calling(args(GOOD), { ["__proto__"]: { function: { name: "Bash", arguments: args(EVIL) } } })), ending]), /readers differ/],
  ["a choice brings a prototype", chat([part(calling(args(GOOD)), { ["__proto__"]: { message: EVIL } }), ending]), /readers differ/],
  ["a prototype is written with escapes", chat([part(calling(args(GOOD)), { ["__proto__"]: EVIL }), ending]).replace("__proto__", "\\u005f_pro\\u0074o__"), /readers differ/],
  ["a call's entry has a field that nobody knows", chat([part(calling(args(GOOD), { arguments: args(EVIL) })), ending]), /nobody knows/],
  ["a function has a field that nobody knows", chat([part({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "Bash", arguments: args(GOOD), parsed_arguments: { command: EVIL } } }] }), ending]), /nobody knows/],
  ["a function has an input beside its arguments", chat([part({ tool_calls: [{ index: 0, id: "call_1", type: "function", function: { name: "Bash", arguments: args(GOOD), input: EVIL } }] }), ending]), /nobody knows/],
  ["a function of old has a field that nobody knows", chat([part({ function_call: { name: "Bash", arguments: args(GOOD), parsed_arguments: { command: EVIL } } }), ending]), /nobody knows/],
  ["a chunk is a message that the client wrote", chat([part(calling(args(GOOD))), ending], { object: `chat.completion.chunk.message:${JSON.stringify({ type: "message", message: { role: "assistant", tool_calls: [{ id: "x", type: "function", function: { name: "Bash", arguments: args(EVIL) } }] } })}` }), /message of a client/],
  ["a chunk is a message as well", chat([part(calling(args(GOOD))), ending], { type: "message", message: { role: "assistant", function_call: { name: "Bash", arguments: args(EVIL) } } }), /message of a client/],
]; // biome-ignore format: a row a stream

const WORDS: [what: string, delta: Json, text: string, thinking: string][] = [
  ["a refusal", { refusal: "I will not." }, "I will not.", ""],
  ["a list of parts", { content: [{ type: "text", text: "In " }, { type: "text", text: "parts." }] }, "In parts.", ""],
  ["thinking among the parts", { content: [{ type: "thinking", thinking: [{ type: "text", text: "Hm." }] }, { type: "text", text: "So." }] }, "So.", "Hm."],
  ["words and a refusal", { content: "But ", refusal: "no." }, "But no.", ""],
  ["what is said aloud", { audio: { id: "audio_1", transcript: "Aloud." } }, "Aloud.", ""],
]; // biome-ignore format: a row a reply

describe.each(WORDS)("%s", (_what, delta, text, thinking) => {
  test("is in the record of a stream", async () => {
    const stream = chat([part(delta), { finish_reason: "stop" }]);
    for (const { bytes, summary } of await passed("openai-chat", stream, release)) {
      expect(bytes.toString()).toBe(stream);
      expect(summary).toMatchObject({ text, thinking });
    }
  });

  test("is in the record of a whole reply, and stays where a call is denied", async () => {
    const message = { role: "assistant", ...delta, ...calling(args(GOOD)) };
    const choices = [{ index: 0, message, finish_reason: "tool_calls" }];
    const toolCall = async (): Promise<ToolCallVerdict> => ({ effect: "replace", text: DENIED });
    const { body, summary } = await guardChatReply(Buffer.from(JSON.stringify({ id: "c", choices })), { toolCall });
    expect(summary).toMatchObject({ text, thinking });
    for (const words of [...text.split(" "), ...thinking.split(" "), DENIED]) expect(body.toString()).toContain(words);
    expect(body.toString()).not.toContain("kubectl");
  });
});

const message = (text: string): Json => ({
  type: "message",
  id: "it_1",
  role: "assistant",
  content: [{ type: "output_text", text }],
});
const speech: [string, Json] = ["output_text.delta", { ...at, content_index: 0, delta: "Hello." }];
const FINAL: [what: string, stream: string, text: string][] = [
  ["said as it came", responses([begun({ ...message(""), content: [] }), speech, ended(message("Hello."))], [message("Hello.")]), "Hello."],
  ["other in the whole item", responses([begun({ ...message(""), content: [] }), speech, ended(message("Bye."))], [message("Bye.")]), "Hello.\n\nBye."],
  ["other in the whole response", responses([ended(message("Hello."))], [message("Bye.")]), "Hello.\n\nBye."],
  ["at another place in the whole response", responses([ended({ type: "reasoning", id: "r" }), ["output_item.done", { output_index: 1, item: message("Hello.") }]], [message("Hello.")]), "Hello."],
  ["a transcript", responses([["audio.transcript.delta", { delta: "Aloud." }]], []), "Aloud."],
]; // biome-ignore format: a row a stream

test.each(FINAL)("words that are %s are in the record of a response", async (_what, stream, text) => {
  for (const { bytes, summary } of await passed("openai-responses", stream, release)) {
    expect(bytes.toString()).toBe(stream);
    expect(summary.text).toBe(text);
  }
});

const LURING = JSON.stringify({ command: GOOD, ["__proto__"]: { command: EVIL } });
const LURES: [Name, stream: string][] = [
  ["openai-chat", chat([part(calling(LURING)), ending])],
  ["openai-responses", responses([ended({ ...functionCall(GOOD), arguments: LURING })])],
];

test.each(LURES)(
  "of %s, a call whose arguments bring a prototype is refused, and nobody is asked",
  async (dialect, stream) => {
    for (const { bytes, read, asked, summary } of await passed(dialect, stream, release)) {
      expect(asked).toEqual([]);
      expect(bytes.toString()).not.toContain("delete ns");
      expect(read).not.toContain("delete ns");
      expect(summary.toolCalls[0]?.verdict).toMatchObject({
        effect: "replace",
        text: expect.stringContaining("could not be judged"),
      });
    }
  },
);

const cases = [
  ...RESPONSES.map((row): [Name, ...typeof row] => ["openai-responses", ...row]),
  ...CHAT.map((row): [Name, ...typeof row] => ["openai-chat", ...row]),
];

describe.each(cases)("of %s, where %s", (dialect, _what, stream, why) => {
  test.each([release, deny])("a call that nobody judged reaches no client (%#)", async (decide) => {
    for (const { summary, bytes, read, thrown, asked } of await passed(dialect, stream, decide)) {
      expect(asked.map(({ text }) => text)).not.toContain(args(EVIL));
      expect(read).not.toContain("delete ns");
      expect(bytes.toString()).not.toContain("delete ns");
      expect(summary.broken).toMatch(why);
      expect(thrown).toContain("The gateway ended this reply");
    }
  });
});

test("a call of one choice that is let go reaches the client whole or not at all, also where what is of no choice stands in it and the reply then breaks off", async () => {
  const chunk = (data: Json): string => `data: ${JSON.stringify({ id: "chatcmpl-1", ...data })}\n\n`;
  const of = (index: number, delta: Json, finish_reason: string | null = null): string =>
    chunk({ choices: [{ index, delta, finish_reason }] });
  const calls = (call: Json): Json => ({ tool_calls: [{ index: 0, ...call }] });
  const stream = [
    of(0, calls({ id: "call_0", type: "function", function: { name: "sh", arguments: '{"never' } })),
    of(1, calls({ id: "call_1", type: "function", function: { name: "sh", arguments: '{"command":"kubectl ' } })),
    chunk({ choices: [], usage: { prompt_tokens: 3 } }),
    of(1, calls({ function: { arguments: 'get pods"}' } })),
    of(1, {}, "tool_calls"),
    chunk({ choices: [], message: { role: "assistant" } }),
  ].join("");
  const shown: boolean[] = [];
  for (const { bytes, asked, summary } of await passed("openai-chat", stream, release)) {
    expect(asked.map(({ text }) => text)).toEqual([args(GOOD)]);
    expect(summary.broken).toMatch(/a message of a client/);
    const text = bytes.toString();
    expect(text.includes("get pods")).toBe(text.includes("kubectl"));
    expect(text).not.toContain("call_0");
    shown.push(text.includes("kubectl"));
  }
  // Where all came at once it broke off before anything was decided.
  expect(shown).toEqual([false, true]);
});
