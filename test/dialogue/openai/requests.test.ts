import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { readChatRequest } from "../../../dialogue/openai/chat/request.ts";
import { readResponsesRequest } from "../../../dialogue/openai/responses/request.ts";
import type { ModelRequest } from "../../../dialogue/types.ts";

const chat = (body: object): ModelRequest => readChatRequest(Buffer.from(JSON.stringify(body)));
const responses = (body: object): ModelRequest => readResponsesRequest(Buffer.from(JSON.stringify(body)));

describe("a request to chat/completions", () => {
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "What runs in shop?" },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ id: "call_1", type: "function", function: { name: "run_shell", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "call_1", content: "web-1" },
    { role: "assistant", content: "web-1." },
    {
      role: "user",
      content: [
        { type: "text", text: "Delete it," },
        { type: "image_url", image_url: { url: "data:," } },
        { type: "text", text: "please." },
      ],
    },
  ];

  test("has the newest words of the person, and of the history nothing", () => {
    const read = chat({ model: "gpt-5.4", messages, stream: true, max_completion_tokens: 100 });
    expect(read).toEqual({
      model: "gpt-5.4",
      stream: true,
      prompt: "Delete it,\nplease.",
      toolResults: [],
      tools: [],
      mcpServers: [],
      maxTokens: 100,
    });
  });

  test("has the results of the tools that were called last", () => {
    const calls = [
      { id: "call_2", type: "function", function: { name: "run_shell", arguments: "{}" } },
      { id: "call_3", type: "custom", custom: { name: "apply", input: "" } },
    ];
    const results = [
      { role: "tool", tool_call_id: "call_2", content: "deleted" },
      {
        role: "tool",
        tool_call_id: "call_3",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b" },
        ],
      },
    ];
    const read = chat({ model: "m", messages: [...messages, { role: "assistant", tool_calls: calls }, ...results] });
    expect(read.prompt).toBe("");
    expect(read.toolResults).toEqual([
      { id: "call_2", text: "deleted", isError: false },
      { id: "call_3", text: "a\nb", isError: false },
    ]);
    const legacy = chat({
      model: "m",
      messages: [...messages, { role: "function", name: "run_shell", content: "ok" }],
    });
    expect(legacy.toolResults).toEqual([{ id: "run_shell", text: "ok", isError: false }]);
  });

  test("says which tools come to the client, and which run at the provider", () => {
    const tools = [
      { type: "function", function: { name: "run_shell", parameters: {} } },
      { type: "custom", custom: { name: "apply" } },
      { type: "browser_search" },
    ];
    const request = {
      model: "m",
      messages,
      tools,
      functions: [{ name: "old" }],
      web_search_options: {},
      plugins: [{ id: "web" }],
    };
    expect(chat({ ...request, models: Array(100_000).fill("other/model") })).toMatchObject({
      otherModels: ["other/model"],
      tools: [
        { name: "run_shell", type: "function", server: false },
        { name: "apply", type: "custom", server: false },
        { name: "browser_search", type: "browser_search", server: true },
        { name: "old", type: "function", server: false },
        { name: "web", type: "plugin", server: true },
        { name: "web_search", type: "web_search_options", server: true },
      ],
    });
  });

  test("says how many replies it asks for, and the greatest of its bounds", () => {
    const asked = chat({ model: "m", messages, n: 3, max_tokens: 200, max_completion_tokens: 100 });
    expect(asked).toMatchObject({ replies: 3, maxTokens: 200 });
    expect(() => chat({ model: "m", messages, n: 1.5 })).toThrow(/`n` is not what the API takes/);
  });

  test("claims who it is for, and says whether the provider keeps the reply", () => {
    expect(chat({ model: "m", messages, user: "alice" }).userId).toBe("alice");
    expect(chat({ model: "m", messages, user: "alice", safety_identifier: "h4sh" }).userId).toBe("h4sh");
    expect(chat({ model: "m", messages, metadata: { user_id: "bob" } }).userId).toBe("bob");
    expect(chat({ model: "m", messages, store: true }).stored).toBe(true);
  });
});

describe("a request to responses", () => {
  test("has a prompt as a text, or as the newest messages of its input", () => {
    expect(responses({ model: "gpt-5.4", input: "What runs in shop?", store: false })).toEqual({
      model: "gpt-5.4",
      stream: false,
      prompt: "What runs in shop?",
      toolResults: [],
      tools: [],
      mcpServers: [],
    });
    const input = [
      { role: "user", content: "Old." },
      { type: "message", role: "assistant", content: [{ type: "output_text", text: "Yes." }] },
      { role: "user", content: [{ type: "input_text", text: "New." }] },
    ];
    expect(responses({ model: "m", input }).prompt).toBe("New.");
  });

  test("has the results of each type of call since the assistant last spoke or thought", () => {
    const exit = (exit_code: number): object => ({ stdout: "out", stderr: "", outcome: { type: "exit", exit_code } });
    const input = [
      { role: "user", content: "Do it." },
      { type: "function_call", call_id: "c0", name: "old", arguments: "{}" },
      { type: "function_call_output", call_id: "c0", output: "before" },
      { type: "reasoning", id: "rs_1", summary: [] },
      { type: "function_call", call_id: "c1", name: "run_shell", arguments: "{}" },
      { type: "function_call_output", call_id: "c1", output: "one" },
      { type: "custom_tool_call", call_id: "c2", name: "apply", input: "x" },
      { type: "custom_tool_call_output", call_id: "c2", output: [{ type: "input_text", text: "two" }] },
      { type: "local_shell_call_output", id: "c3", output: "three", status: "incomplete" },
      { type: "shell_call_output", call_id: "c4", output: [exit(0), exit(1)] },
      { type: "apply_patch_call_output", call_id: "c5", status: "failed", output: "no such file" },
      { type: "computer_call_output", call_id: "c6", output: { type: "computer_screenshot", image_url: "data:," } },
      { type: "mcp_approval_response", approval_request_id: "mcpr_1", approve: false, reason: "no" },
    ];
    expect(responses({ model: "m", input }).toolResults).toEqual([
      { id: "c1", text: "one", isError: false },
      { id: "c2", text: "two", isError: false },
      { id: "c3", text: "three", isError: true },
      { id: "c4", text: "out\nout", isError: true },
      { id: "c5", text: "no such file", isError: true },
      { id: "c6", text: "", isError: false },
      { id: "mcpr_1", text: "no", isError: true },
    ]);
  });

  test("says which tools come to the client, which run at the provider, and which servers it would call", () => {
    const fn = (name: string): object => ({ type: "function", name, parameters: {}, strict: true });
    const tools = [
      fn("run_shell"),
      { type: "namespace", name: "ops", tools: [fn("scale"), { type: "custom", name: "edit" }] },
      { type: "mcp", server_label: "cluster", server_url: "https://mcp.example.com", require_approval: "never" },
      { type: "mcp", server_label: "mail", connector_id: "connector_gmail" },
      { type: "shell" },
      { type: "shell", environment: { type: "local" } },
      { type: "code_interpreter", container: { type: "auto" } },
      { type: "image_generation", model: "gpt-image-2" },
      { type: "tool_of_tomorrow" },
    ];
    const input = [{ type: "additional_tools", role: "developer", tools: [fn("late")] }];
    const read = responses({ model: "m", input, tools });
    expect(read.tools.map(({ name, server }) => `${name}${server ? " at the provider" : ""}`)).toEqual([
      "run_shell",
      "scale",
      "edit",
      "cluster at the provider",
      "mail at the provider",
      "shell at the provider",
      "shell",
      "code_interpreter at the provider",
      "image_generation at the provider",
      "tool_of_tomorrow at the provider",
      "late",
    ]);
    expect(read.mcpServers).toEqual([
      { name: "cluster", url: "https://mcp.example.com" },
      { name: "mail", url: "connector:connector_gmail" },
    ]);
    expect(read.otherModels).toEqual(["gpt-image-2"]);
  });

  test("says what the provider adds to it of what it keeps", () => {
    const input = [{ type: "item_reference", id: "msg_1" }, { id: "rs_2" }, { role: "user", content: "Go on." }];
    const request = { input, previous_response_id: "resp_1", conversation: { id: "conv_1" }, prompt: { id: "pmpt_1" } };
    expect(responses(request)).toMatchObject({
      model: "",
      continues: "resp_1",
      recalls: [
        { kind: "reply", id: "resp_1" },
        { kind: "conversation", id: "conv_1" },
        { kind: "prompt", id: "pmpt_1" },
        { kind: "item", id: "msg_1" },
        { kind: "item", id: "rs_2" },
      ],
      stored: true,
    });
    const { recalls } = responses({ model: "m", input: "x", conversation: "conv_2" });
    expect(recalls).toEqual([{ kind: "conversation", id: "conv_2" }]);
  });

  test("has the assistant's words among its items by reference too", () => {
    const reference = (id: string): object => ({ type: "item_reference", id });
    const result = { type: "function_call_output", call_id: "c1", output: "one" };
    const input = [{ role: "user", content: "Old." }, reference("rs_1"), reference("fc_1"), result];
    expect(responses({ model: "m", input })).toMatchObject({ prompt: "", toolResults: [{ id: "c1" }] });
    const next = [...input, reference("msg_2"), { role: "user", content: "New." }];
    expect(responses({ model: "m", input: next })).toMatchObject({ prompt: "New.", toolResults: [] });
  });

  test("is refused by name where its reply would be fetched later, past the guard", () => {
    expect(() => responses({ model: "m", input: "x", background: true })).toThrow(/background responses are refused/);
  });
});

const BAD: [what: string, body: string | Buffer, why: RegExp][] = [
  ["no JSON", "{", /not valid JSON/],
  ["no object", "[]", /no JSON object/],
  ["a key twice", '{"model":"a","model":"b","messages":[],"input":[]}', /a key stands twice/],
  ["a key twice, once in escapes", '{"model":"a","\\u006dodel":"b","messages":[]}', /a key stands twice/],
  ["a field in capitals, which some servers read", '{"model":"m","messages":[],"input":[],"Tools":[]}', /readers differ/],
  ["a message's field in capitals", '{"model":"m","input":[{"role":"user","content":"a","Content":"b"}],"messages":[{"role":"user","content":"a","Content":"b"}]}', /differ whether it is content/],
  ["more models than anybody means", JSON.stringify({ model: "m", messages: [], input: [], models: Array.from({ length: 33 }, (_, i) => `m${i}`) }), /32 models/],
  ["a tool's field in capitals", '{"model":"m","messages":[],"input":[],"tools":[{"type":"function","name":"x","function":{"name":"x"},"Type":"mcp"}]}', /differ whether it is type/],
  ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /not valid UTF-8/],
  ["no model", '{"messages":[],"input":[]}', /no `model`/],
  ["a model that is no text", '{"model":1,"messages":[],"input":[]}', /`model` is not/],
  ["a stream that is no flag", '{"model":"m","messages":[],"input":[],"stream":"yes"}', /`stream` is not/],
  ["tools that are no objects", '{"model":"m","messages":[],"input":[],"tools":["x"]}', /`tools` is not/],
  ["a tool with no name", '{"model":"m","messages":[],"input":[],"tools":[{"type":"function","function":{}}]}', /no name/],
  ["a tool with no type", '{"model":"m","messages":[],"input":[],"tools":[{"name":"x"}]}', /no `type`/],
  ["an MCP server with no address", '{"model":"m","messages":[],"input":[],"tools":[{"type":"mcp","server_label":"x"}]}', /no `server_url`/],
  ["a result of no call", '{"model":"m","messages":[{"role":"tool"}],"input":[{"type":"function_call_output"}]}', /tool_call_id|of which call/],
  ["nesting", `{"model":"m","messages":[],"input":[],"x":${"[".repeat(300)}${"]".repeat(300)}}`, /nested deeper/],
]; // biome-ignore format: a row an input

describe.each([["chat/completions", readChatRequest] as const, ["responses", readResponsesRequest] as const])(
  "%s",
  (_, read) => {
    test.each(BAD)("refuses a request with %s", (_what, body, why) => {
      const act = (): unknown => read(Buffer.from(body));
      expect(act).toThrow(Refusal);
      expect(act).toThrow(why);
    });

    test("refuses a request that is larger than it may be", () => {
      expect(() => read(Buffer.from('{"model":"m"}'), { bytes: 5 })).toThrow(/larger than 5 bytes/);
    });
  },
);
