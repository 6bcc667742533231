import { describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { readRequest } from "../../../dialogue/anthropic/request.ts";

const ASKED = { role: "user", content: "Why is checkout slow?" };
const BASE = { model: "claude-opus-4-6", max_tokens: 1024, messages: [ASKED] };
const read = (more: object) => readRequest(Buffer.from(JSON.stringify({ ...BASE, ...more })));

describe("a request to the Messages API", () => {
  test("says what is asked of which model, by whom, and how long the answer may be", () => {
    expect(read({ stream: true, metadata: { user_id: "user_1" }, temperature: 1, brand_new: { a: [1] } })).toEqual({
      model: "claude-opus-4-6",
      stream: true,
      prompt: "Why is checkout slow?",
      toolResults: [],
      tools: [],
      mcpServers: [],
      userId: "user_1",
      maxTokens: 1024,
    });
  });

  test("to count tokens has no length and is no stream", () => {
    const { stream, maxTokens } = read({ max_tokens: undefined });
    expect([stream, maxTokens]).toEqual([false, undefined]);
  });

  test("has as its prompt what the person said last, without tool results, and its tools' results since then", () => {
    const { prompt, toolResults } = read({
      messages: [
        ASKED,
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_0", name: "Bash", input: {} }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_0", content: "long ago" }] },
        { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "Bash", input: {} }] },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "toolu_1", content: "3 pods", is_error: false },
            {
              type: "tool_result",
              tool_use_id: "toolu_2",
              is_error: true,
              content: [{ type: "text", text: "denied" }],
            },
            { type: "text", text: "And now?" },
          ],
        },
        { role: "system", content: "Be brief." },
        { role: "user", content: "Quick!" },
        { role: "assistant", content: "The answer" },
      ],
    });
    expect(prompt).toBe("And now?\n\nQuick!");
    expect(toolResults).toEqual([
      { id: "toolu_1", text: "3 pods", isError: false },
      { id: "toolu_2", text: "denied", isError: true },
    ]);
  });

  test("has an empty prompt where only tools answer", () => {
    const content = [{ type: "tool_result", tool_use_id: "toolu_1" }];
    expect(read({ messages: [{ role: "user", content }] })).toMatchObject({
      prompt: "",
      toolResults: [{ id: "toolu_1", text: "", isError: false }],
    });
  });

  test("gives the text of a tool's result wherever it is nested", () => {
    const content = [
      { type: "text", text: "one" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
      { type: "document", title: "two", context: "three", source: { type: "text", media_type: "text/plain", data: "four" } },
      { type: "document", source: { type: "content", content: [{ type: "text", text: "five" }] } },
      { type: "search_result", source: "https://six.example", title: "seven", content: [{ type: "text", text: "eight" }] },
    ]; // biome-ignore format: a row a block
    const message = { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content }] };
    expect(read({ messages: [message] }).toolResults[0]?.text).toBe(
      "one\ntwo\nthree\nfour\nfive\nseven\nhttps://six.example\neight",
    );
  });

  test("tells tools that the client runs from those that run at the provider, and takes what it does not know for one", () => {
    const client = ["bash_20250124", "text_editor_20250728", "computer_20251124", "memory_20250818"];
    const server = ["web_search_20260318", "web_fetch_20260318", "code_execution_20260521", "advisor_20260301"];
    const unknown = ["tool_search_tool_bm25", "bash", "bash_code_execution_20270101", "quantum_20300101"];
    const typed = [...client, ...server, ...unknown].map((type) => ({ type, name: "n" }));
    const { tools } = read({
      tools: [{ name: "get_pods", input_schema: {} }, { type: "custom", name: "own", input_schema: {} }, ...typed],
    });
    expect(tools.filter((tool) => !tool.server)).toEqual([
      { name: "get_pods", type: "custom", server: false },
      { name: "own", type: "custom", server: false },
      ...client.map((type) => ({ name: "n", type, server: false })),
    ]);
    expect(tools.filter((tool) => tool.server).map(({ type }) => type)).toEqual([...server, ...unknown]);
  });

  test("names toolsets by their family or their server", () => {
    const tools = [{ type: "computer_toolset_20260801" }, { type: "mcp_toolset", mcp_server_name: "pager" }];
    expect(read({ tools }).tools).toEqual([
      { name: "computer_toolset_20260801", type: "computer_toolset_20260801", server: false },
      { name: "pager", type: "mcp_toolset", server: true },
    ]);
  });

  test("has the tools that come with a message in the conversation", () => {
    const definition = { type: "web_fetch_20260318", name: "web_fetch" };
    const addition = { type: "tool_addition", tool: { type: "tool_definition", definition } };
    const known = { type: "tool_addition", tool: { type: "tool_reference", name: "get_pods" } };
    expect(read({ messages: [ASKED, { role: "system", content: [addition, known] }] }).tools).toEqual([
      { name: "web_fetch", type: "web_fetch_20260318", server: true },
    ]);
  });

  test("names the servers that the provider would call, the models it may go to, and what it goes on from", () => {
    const more = {
      mcp_servers: [{ type: "url", name: "pager", url: "https://mcp.pager.example", authorization_token: "t" }],
      fallbacks: [{ model: "claude-haiku-4-5" }],
      tools: [{ type: "advisor_20260301", name: "advisor", model: "claude-opus-4-6" }],
      thread: { type: "continue", previous_message_id: "msg_1" },
    };
    expect(read(more)).toMatchObject({
      mcpServers: [{ name: "pager", url: "https://mcp.pager.example" }],
      otherModels: ["claude-haiku-4-5", "claude-opus-4-6"],
      continues: "msg_1",
    });
    expect(read({ ...more, max_tokens: 1, fallbacks: [{ model: "m", max_tokens: 128_000 }] }).maxTokens).toBe(128_000);
    expect(read({ fallbacks: [{ model: "m" }, { model: "m" }] }).otherModels).toEqual(["m"]);
    expect(read({ fallbacks: "default" }).otherModels).toEqual(["default"]);
    expect(read({ thread: { type: "create" } }).continues).toBeUndefined();
  });
});

describe("a request that readers may differ on is refused", () => {
  const text = JSON.stringify(BASE);
  const code = (body: Buffer | string, limits?: { bytes: number }): [string, string] => {
    try {
      readRequest(Buffer.from(body as string), limits);
    } catch (error) {
      if (error instanceof Refusal) return [error.code, error.message];
      throw error;
    }
    throw new Error("it was read");
  };
  test.each<[what: string, body: string | object, message: RegExp]>([
    ["no JSON", text.slice(1), /not valid JSON/],
    ["a byte order mark", `\ufeff${text}`, /not valid JSON/],
    ["no object", "[]", /no JSON object/],
    ["a key twice", text.replace('"model"', '"model":"claude-haiku-4-5","model"'), /key stands twice/],
    ["a key twice, once in escapes", text.replace('"model"', '"mod\\u0065l":"x","model"'), /key stands twice/],
    ["a key of a message twice", text.replace('"role":"user"', '"role":"assistant","role":"user"'), /key stands twice/],
    ["a field in capitals, which some servers read", { Mcp_Servers: [] }, /readers differ/],
    ["a model in capitals beside it", { MODEL: "claude-opus" }, /readers differ/],
    [
      "a fallback's bound in capitals",
      { fallbacks: [{ model: "m", Max_Tokens: 9 }] },
      /differ whether it is max_tokens/,
    ],
    ["a message's words in capitals", { messages: [{ ...ASKED, Content: "x" }] }, /differ whether it is content/],
    [
      "a block's words in capitals",
      { messages: [{ role: "user", content: [{ type: "text", text: "a", Text: "b" }] }] },
      /differ whether it is text/,
    ],
    [
      "more models than anybody means",
      { fallbacks: Array.from({ length: 33 }, (_, i) => ({ model: `m${i}` })) },
      /32 models/,
    ],
    [
      "a tool's field in capitals",
      { tools: [{ name: "x", Type: "web_search_20250305" }] },
      /differ whether it is type/,
    ],
    ["half of a surrogate pair", text.replace("Why", "\\ud83d"), /half of a surrogate/],
    ["nesting", { a: JSON.parse("[".repeat(200) + "]".repeat(200)) }, /nested deeper than 200/],
    ["no model", { model: undefined }, /no `model`/],
    ["a model that is no text", { model: ["a"] }, /`model` is not/],
    ["a stream that is text", { stream: "true" }, /`stream` is not/],
    ["a length below zero", { max_tokens: -1 }, /`max_tokens` is not/],
    ["a length beyond what readers hold", text.replace("1024", "9007199254740993"), /`max_tokens` is not/],
    ["no messages", { messages: undefined }, /no `messages`/],
    ["messages that are no list", { messages: { 0: ASKED } }, /no `messages`/],
    ["a message that is no object", { messages: ["hello"] }, /`messages` is not/],
    ["a role nobody knows", { messages: [{ role: "tool", content: "x" }] }, /role that is not known/],
    ["content that is no list", { messages: [{ role: "user", content: { text: "x" } }] }, /`content` is not/],
    ["a block without a type", { messages: [{ role: "user", content: [{ text: "x" }] }] }, /no `type`/],
    [
      "a result without an id",
      { messages: [{ role: "user", content: [{ type: "tool_result" }] }] },
      /no `tool_use_id`/,
    ],
    ["tools that are no list", { tools: { name: "x" } }, /`tools` is not/],
    ["a tool without a name", { tools: [{ input_schema: {} }] }, /no usable name or type/],
    ["a tool whose type is no text", { tools: [{ name: "x", type: 1 }] }, /no usable name or type/],
    ["a server without an address", { mcp_servers: [{ name: "x" }] }, /no `url`/],
    ["servers that are no list", { mcp_servers: "https://x.example" }, /`mcp_servers` is not/],
    ["a fallback without a model", { fallbacks: [{}] }, /no `model`/],
    ["a thread that goes on from nothing", { thread: { type: "continue" } }, /no `previous_message_id`/],
  ])("%s", (_, body, message) => {
    const sent = typeof body === "string" ? body : JSON.stringify({ ...BASE, ...body });
    expect(code(sent)).toEqual(["malformed-body", expect.stringMatching(message)]);
  });

  test("bytes that are no UTF-8", () => {
    const [refused, message] = code(Buffer.from(text.replace("slow", "\xff"), "latin1"));
    expect([refused, message]).toEqual(["malformed-body", expect.stringMatching(/UTF-8/)]);
  });

  test("a body above the limit, which is the API's own where none is given", () => {
    expect(code(text, { bytes: 20 })[0]).toBe("body-too-large");
    expect(code(Buffer.alloc(32 * 1024 * 1024 + 1))[0]).toBe("body-too-large");
  });
});
