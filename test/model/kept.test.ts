import { describe, expect, test } from "vitest";
import { guardReply } from "../../dialogue/anthropic/reply.ts";
import { guardReplyStream } from "../../dialogue/anthropic/reply-stream.ts";
import { readRequest } from "../../dialogue/anthropic/request.ts";
import { guardChatReply } from "../../dialogue/openai/chat/reply.ts";
import { readChatRequest } from "../../dialogue/openai/chat/request.ts";
import { guardChatStream } from "../../dialogue/openai/chat/stream.ts";
import { guardResponsesReply } from "../../dialogue/openai/responses/reply.ts";
import { readResponsesRequest } from "../../dialogue/openai/responses/request.ts";
import { guardResponsesStream } from "../../dialogue/openai/responses/stream.ts";
import type { Kept, ReplyHooks, ReplySummary } from "../../dialogue/types.ts";
import { KeptByProviders } from "../../proxy/model/kept.ts";
import { stream } from "../dialogue/openai/streams.ts";
import { stream as anthropicStream } from "./dialogue.ts";

const bytes = (body: object): Buffer => Buffer.from(JSON.stringify(body));
/** `kind id`, in the order in which they are named. */
const words = (kept: readonly Kept[] = []): string[] => kept.map(({ kind, id }) => `${kind} ${id}`);
const message = (content: object[]) => ({ messages: [{ role: "user", content }] });
const source = { type: "file", file_id: "file_1" };

const REQUESTS: Record<
  string,
  [read: (body: Buffer) => { recalls?: Kept[] }, rest: object, rows: [object, string[]][]]
> = {
  "the Messages API": [
    readRequest,
    { model: "m", messages: [] },
    [
      [{ container: "container_1" }, ["container container_1"]],
      [
        { container: { id: "container_1", skills: [{ type: "anthropic", skill_id: "pdf" }] } },
        ["container container_1"],
      ],
      [{ container: { skills: [{ type: "custom", skill_id: "skill_1" }] } }, ["skill skill_1"]],
      [{ thread: { type: "continue", previous_message_id: "msg_1" } }, ["reply msg_1"]],
      [{ thread: { type: "create" } }, []],
      [message([{ type: "document", source }]), ["file file_1"]],
      [message([{ type: "container_upload", file_id: "file_1" }]), ["file file_1"]],
      [message([{ type: "document", source: { type: "file", File_ID: "file_1" } }]), ["file file_1"]],
      [message([{ type: "tool_result", tool_use_id: "t", content: [{ type: "image", source }] }]), ["file file_1"]],
      [
        message([{ type: "code_execution_tool_result", content: { content: [{ file_id: "file_1" }] } }]),
        ["file file_1"],
      ],
      [{ system: [{ type: "text", text: "", source }] }, ["file file_1"]],
      [message([{ type: "tool_use", id: "t", name: "n", input: { file_id: "mine", source } }]), []],
      [message([{ type: "text", text: "x", citations: [{ file_id: "file_1" }] }]), []],
    ],
  ],
  "chat/completions": [
    readChatRequest,
    { model: "m", messages: [] },
    [
      [{ messages: [{ role: "assistant", audio: { id: "audio_1" } }] }, ["audio audio_1"]],
      [message([{ type: "file", file: { file_id: "file_1" } }]), ["file file_1"]],
      [{ audio: { voice: "alloy", format: "wav" } }, []],
    ],
  ],
  responses: [
    readResponsesRequest,
    { model: "m", input: [] },
    [
      [{ previous_response_id: "resp_1" }, ["reply resp_1"]],
      [{ input: [{ type: "input_file", file_id: "file_1" }] }, ["file file_1"]],
      [{ input: [{ role: "user", content: [{ type: "input_image", file_id: "file_1" }] }] }, ["file file_1"]],
      [{ input: [{ type: "computer_call_output", call_id: "c", output: { file_id: "file_1" } }] }, ["file file_1"]],
      [
        {
          input: [{ type: "function_call_output", call_id: "c", output: [{ type: "input_file", file_id: "file_1" }] }],
        },
        ["file file_1"],
      ],
      [{ input: [{ type: "reasoning", id: "rs_1", summary: [] }] }, ["item rs_1"]],
      [{ input: [{ type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" }] }, []],
      [{ input: [{ type: "image_generation_call", id: "ig_1" }] }, ["item ig_1"]],
      [{ input: [{ type: "image_generation_call", id: "ig_1", result: "aGk=" }] }, []],
      [
        { input: [{ type: "mcp_approval_response", approval_request_id: "mcpr_1", approve: true }] },
        ["approval request mcpr_1"],
      ],
      [{ input: [{ type: "code_interpreter_call", id: "ci_1", container_id: "cntr_1" }] }, ["container cntr_1"]],
      [
        { input: [{ type: "additional_tools", tools: [{ type: "code_interpreter", container: "cntr_1" }] }] },
        ["container cntr_1"],
      ],
      [{ tools: [{ type: "code_interpreter", container: { type: "auto", file_ids: ["file_1"] } }] }, ["file file_1"]],
      [
        { tools: [{ type: "shell", environment: { type: "container_reference", container_id: "cntr_1" } }] },
        ["container cntr_1"],
      ],
      [
        { tools: [{ type: "shell", environment: { type: "container_auto", skills: [{ skill_id: "skill_1" }] } }] },
        ["skill skill_1"],
      ],
      [
        { tools: [{ type: "file_search", vector_store_ids: ["vs_1", "vs_2"] }] },
        ["vector store vs_1", "vector store vs_2"],
      ],
      [{ tools: [{ type: "image_generation", input_image_mask: { file_id: "file_1" } }] }, ["file file_1"]],
      [{ tools: [{ type: "function", name: "f", parameters: { properties: {}, default: { file_id: "mine" } } }] }, []],
      [
        { input: [{ role: "assistant", content: [{ type: "output_text", annotations: [{ file_id: "file_1" }] }] }] },
        [],
      ],
      [{ input: [{ type: "message", id: "msg_1", role: "assistant", content: [] }] }, []],
    ],
  ],
};

for (const [api, [read, rest, rows]] of Object.entries(REQUESTS)) {
  test.for(rows)(`a request to ${api} with %o has its provider add %o`, ([more, named]) => {
    expect(new Set(words(read(bytes({ ...rest, ...more })).recalls))).toEqual(new Set(named));
  });
}

/** What a guard says that the provider keeps of a reply, by the verdict on its calls. */
async function made(run: (hooks: ReplyHooks) => unknown, effect: "release" | "replace" = "release"): Promise<string[]> {
  const all: Kept[] = [];
  await run({
    toolCall: async () => (effect === "release" ? { effect } : { effect, text: "no" }),
    kept: (kept) => void all.push(kept),
  });
  return [...new Set(words(all))];
}
async function drain({ bytes: read }: { bytes: AsyncIterable<Uint8Array> }): Promise<void> {
  for await (const _ of read);
}
async function* pieces(...parts: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part as string);
}

describe("of a reply its provider keeps", () => {
  const outputs = [{ type: "bash_code_execution_output", file_id: "file_9" }];
  const result = { type: "bash_code_execution_tool_result", tool_use_id: "s", content: { content: outputs } };
  const container = { id: "container_9", expires_at: "x" };

  test("the message, the container and the files that code wrote, and no id that a tool says", async () => {
    const upload = { type: "container_upload", file_id: "file_8" };
    const foreign = { type: "mcp_tool_result", tool_use_id: "m", content: { content: [{ file_id: "file_other" }] } };
    const call = { type: "tool_use", id: "t", name: "n", input: { file_id: "file_other", container: { id: "c" } } };
    const whole = { id: "msg_9", type: "message", content: [upload, result, foreign, call], container };
    expect(await made((hooks) => guardReply(bytes(whole), hooks))).toEqual([
      "container container_9",
      "file file_8",
      "file file_9",
      "reply msg_9",
    ]);
  });

  test("the same of a stream, whose message is kept once it is whole", async () => {
    const text = anthropicStream("Hi.", [{ id: "t", name: "n", input: {} }]);
    const events = text.replace('"content":[]', '"content":[],"container":{"id":"container_9"}');
    const all = await made((hooks) => drain(guardReplyStream(pieces(events), hooks)));
    expect(all).toEqual(["container container_9", "reply msg_1"]);
    const cut = events.slice(0, events.indexOf("event: message_stop"));
    expect(await made((hooks) => drain(guardReplyStream(pieces(cut), hooks)))).toEqual(["container container_9"]);
  });

  const output = [
    { type: "reasoning", id: "rs_9", summary: [] },
    { type: "code_interpreter_call", id: "ci_9", container_id: "cntr_9", status: "completed" },
    { type: "mcp_approval_request", id: "mcpr_9", name: "drop", server_label: "db", arguments: "{}" },
  ];
  const response = { id: "resp_9", object: "response", status: "completed", output };

  test.for([
    ["release", ["item mcpr_9", "approval request mcpr_9"]],
    ["replace", []],
  ] as const)("a response with its items, less the calls that were denied (%s)", async ([effect, more]) => {
    const rest = ["item rs_9", "item ci_9", "container cntr_9", ...more, "reply resp_9"];
    expect(await made((hooks) => guardResponsesReply(bytes(response), hooks), effect)).toEqual(rest);
    const events = output.map((item, i) => ({ type: "response.output_item.done", output_index: i, item }));
    const sse = [...events, { type: "response.completed", response }].map((one) => `data: ${JSON.stringify(one)}\n\n`);
    const streamed = await made((hooks) => drain(guardResponsesStream(pieces(...sse), hooks)), effect);
    expect(new Set(streamed)).toEqual(new Set(rest));
    const cut = await made((hooks) => drain(guardResponsesStream(pieces(...sse.slice(0, -1)), hooks)), effect);
    expect(cut).toEqual([]);
  });

  test("what was said aloud, of chat/completions", async () => {
    const audio = { id: "audio_9", data: "" };
    const whole = { id: "c", choices: [{ index: 0, message: { role: "assistant", audio }, finish_reason: "stop" }] };
    expect(await made((hooks) => guardChatReply(bytes(whole), hooks))).toEqual(["audio audio_9"]);
    const chunk = { id: "c", choices: [{ index: 0, delta: { audio }, finish_reason: null }] };
    const said = `data: ${JSON.stringify(chunk)}\n\n`;
    expect(await made((hooks) => drain(guardChatStream(pieces(said), hooks)))).toEqual(["audio audio_9"]);
  });

  test("a response by every chunking of its stream", async () => {
    const sse = stream("openai-responses", "one-tool");
    const whole = await made((hooks) => drain(guardResponsesStream(pieces(sse), hooks)));
    expect(whole.at(-1)).toMatch(/^reply resp_/);
    for (let at = 1; at < sse.length; at += 97) {
      const run = (hooks: ReplyHooks) =>
        drain(guardResponsesStream(pieces(sse.subarray(0, at), sse.subarray(at)), hooks));
      expect(await made(run)).toEqual(whole);
    }
  });
});

describe("what providers keep of the replies of a session", () => {
  const asking = (session: string, recalls: Kept[] = [], more: object = {}) =>
    ({
      ...{
        session: { id: session },
        connection: { name: "gpt", shared: new Set(["vs_1"]) },
        endpoint: { dialect: "openai.responses" },
      },
      asked: { tools: [], mcpServers: [], recalls, ...more },
    }) as never;
  const reply = (id: string): Kept => ({ kind: "reply", id });
  const allowed = (kept: KeptByProviders, session: string, ...recalls: Kept[]): boolean =>
    kept.refusal(asking(session, recalls)) === undefined;

  test("may be named in the same session, by the same kind, through the same connection", () => {
    const kept = new KeptByProviders();
    kept.made(asking("a"), reply("r"));
    expect(allowed(kept, "a", reply("r"))).toBe(true);
    expect(allowed(kept, "b", reply("r"))).toBe(false);
    expect(allowed(kept, "a", { kind: "item", id: "r" })).toBe(false);
    expect(allowed(kept, "a", reply("r"), reply("s"))).toBe(false);
    const other = {
      ...(asking("a", [reply("r")]) as object),
      connection: { name: "other", shared: new Set() },
    } as never;
    expect(kept.refusal(other)?.message).toMatch(/request\/recall-refused: .*\(reply "r"\)/);
    kept.forget("a");
    expect(allowed(kept, "a", reply("r"))).toBe(false);
  });

  test("may be named by all where the operator says so, of files, vector stores and skills", () => {
    const kept = new KeptByProviders();
    expect(allowed(kept, "a", { kind: "vector store", id: "vs_1" })).toBe(true);
    expect(allowed(kept, "a", { kind: "vector store", id: "vs_2" })).toBe(false);
    expect(allowed(kept, "a", { kind: "reply", id: "vs_1" })).toBe(false);
  });

  test("are forgotten from the oldest on where they are many, and those of other sessions are not for it", () => {
    const kept = new KeptByProviders({ session: 1_000, all: 2_500 });
    kept.made(asking("b"), reply("r"));
    for (let i = 0; i < 100; i++) kept.made(asking("a"), reply(`r${i}`));
    expect([allowed(kept, "a", reply("r0")), allowed(kept, "a", reply("r99")), allowed(kept, "b", reply("r"))]).toEqual(
      [false, true, true],
    );
    for (let i = 0; i < 100; i++) kept.made(asking(`s${i}`), reply("r"));
    expect([allowed(kept, "a", reply("r99")), allowed(kept, "s99", reply("r"))]).toEqual([false, true]);
  });

  test("are none that cannot be kept track of", () => {
    const kept = new KeptByProviders();
    kept.made(asking("a"), reply("r".repeat(600)));
    expect(allowed(kept, "a", reply("r".repeat(600)))).toBe(false);
    const tools = Array.from({ length: 1_000 }, (_, i) => ({ name: `${i}`.repeat(100), type: "x", server: true }));
    kept.made(asking("a", [], { tools }), reply("r"));
    expect(allowed(kept, "a", reply("r"))).toBe(false);
  });

  test("bring the tools that run at the provider, and what was said until then", () => {
    const kept = new KeptByProviders();
    const search = { name: "web_search", type: "web_search", server: true };
    const tools = [search, { name: "shell", type: "function", server: false }];
    const summary = { toolCalls: [], usage: { inputTokens: 100, outputTokens: 20, cacheReadTokens: 90 } };
    kept.made(asking("a", [], { tools }), reply("r"), summary as unknown as ReplySummary);
    expect(kept.before(asking("a", [], { continues: "r" }))).toMatchObject({ tools: [search], tokens: 120 });
    expect(kept.before(asking("b", [], { continues: "r" }))).toBeUndefined();
  });
});
