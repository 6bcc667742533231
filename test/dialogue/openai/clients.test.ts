import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Refusal } from "../../../base/errors.ts";
import { guardChatReply } from "../../../dialogue/openai/chat/reply.ts";
import { openaiError } from "../../../dialogue/openai/errors.ts";
import { guardResponsesReply } from "../../../dialogue/openai/responses/reply.ts";
import type { ReplyHooks } from "../../../dialogue/types.ts";
import { DENIED, type Decide, dataOf, deny, from, GUARDS, inPieces, type Name, release, stream } from "./streams.ts";

/** What the guarded provider does with the next requests. */
interface Script {
  decide: Decide;
  pingMs?: number;
  keepaliveMs?: number;
  upstream(dialect: Name): AsyncIterable<Uint8Array>;
}

let server: Server;
let client: OpenAI;
let script: Script;
let requests = 0;
let refusal: Parameters<typeof openaiError> | undefined;

const hooks = (): ReplyHooks => ({
  toolCall: async (call) => script.decide(call),
  ...(script.pingMs === undefined ? {} : { pingMs: script.pingMs }),
});

async function readJson(request: IncomingMessage): Promise<{ stream?: boolean; model: string }> {
  const parts: Uint8Array[] = [];
  for await (const part of request) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString());
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  requests++;
  const body = await readJson(request);
  if (refusal !== undefined) {
    const error = openaiError(...refusal);
    response.writeHead(error.status, error.headers).end(error.body);
    return;
  }
  const dialect: Name = request.url?.endsWith("/responses") ? "openai-responses" : "openai-chat";
  if (body.stream !== true) {
    const guard = dialect === "openai-chat" ? guardChatReply : guardResponsesReply;
    const reply = await guard(whole(dialect, body.model), hooks());
    response
      .writeHead(reply.status ?? 200, { "content-type": "application/json", "x-should-retry": "false" })
      .end(reply.body);
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const { keepaliveMs } = script;
  const guarded = GUARDS[dialect](script.upstream(dialect), hooks(), keepaliveMs === undefined ? {} : { keepaliveMs });
  for await (const piece of guarded.bytes) response.write(piece);
  response.end();
}

/** The reply of a stream, as the API gives it whole. */
function whole(dialect: Name, name: string): Buffer {
  const data = dataOf(stream(dialect, name));
  if (dialect === "openai-responses") return Buffer.from(JSON.stringify(data.at(-1)?.response));
  const [first] = data;
  const tool_calls = [
    { id: "call_1", type: "function", function: { name: "run_shell", arguments: '{"command":"ls"}' } },
  ];
  const message = { role: "assistant", content: "Let me look.", refusal: null, tool_calls };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: "tool_calls" }];
  return Buffer.from(JSON.stringify({ ...first, object: "chat.completion", choices }));
}

function play(name: string, decide: Decide, more: Partial<Script> = {}): void {
  script = { decide, upstream: (dialect) => from(inPieces(stream(dialect, name), 50)), ...more };
}

beforeAll(async () => {
  server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  client = new OpenAI({ apiKey: "sk-none", baseURL: `http://127.0.0.1:${port}/v1`, maxRetries: 2, logLevel: "off" });
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: "user", content: "Hi." }];
const chatStream = (): ReturnType<OpenAI["chat"]["completions"]["stream"]> =>
  client.chat.completions.stream({ model: "m", messages });
const responsesStream = (): ReturnType<OpenAI["responses"]["stream"]> =>
  client.responses.stream({ model: "m", input: "Hi." });

const CHAT = [
  "one-tool",
  "parallel-tools",
  "all-in-one-chunk",
  "reasoning",
  "filters",
  "comments-and-crlf",
  "custom-tool",
  "two-choices",
  "words-beside-calls",
  "legacy-function",
];
const RESPONSES = [
  "one-tool",
  "parallel-tools",
  "reasoning",
  "custom-tool",
  "server-tools",
  "text-between-tools",
  "unicode-and-crlf",
  "local-shell",
  "computer-and-mcp",
  "short",
];

describe("the client of openai reads chat/completions", () => {
  test.each(CHAT)("the stream %s, where its calls are released", async (name) => {
    play(name, release);
    const { choices } = await chatStream().finalChatCompletion();
    for (const { message, finish_reason } of choices) {
      expect(message.tool_calls?.length || message.function_call).toBeTruthy();
      expect(finish_reason).toMatch(/tool_calls|function_call/);
    }
  });

  test.each(CHAT)("the stream %s, where its calls are denied", async (name) => {
    play(name, deny);
    const { choices } = await chatStream().finalChatCompletion();
    for (const { message, finish_reason } of choices) {
      expect(message.tool_calls ?? []).toEqual([]);
      expect(message.function_call ?? null).toBeNull();
      expect(message.content).toContain(DENIED);
      expect(finish_reason).toBe("stop");
    }
  });

  test("calls beside one that is denied, in an array without holes", async () => {
    play("parallel-tools", (call) => (call.index === 0 ? deny(call) : release(call)));
    const { choices } = await chatStream().finalChatCompletion();
    expect(choices[0]?.message.tool_calls?.map((call) => call?.id)).toEqual([
      "call_bb02SecretRight",
      "call_cc03SecretThird",
    ]);
  });

  test("a call with other arguments", async () => {
    play("one-tool", () => ({ effect: "rewrite", arguments: { command: "true" } }));
    const { choices } = await chatStream().finalChatCompletion();
    const [call] = choices[0]?.message.tool_calls ?? [];
    expect(call).toMatchObject({
      id: "call_9xPz1BqLmR7tKfW2",
      function: { name: "run_shell", arguments: '{"command":"true"}' },
    });
  });

  test("a whole reply", async () => {
    play("one-tool", deny);
    const { choices } = await client.chat.completions.create({ model: "one-tool", messages });
    expect(choices[0]).toMatchObject({ message: { content: `Let me look.\n\n${DENIED}` }, finish_reason: "stop" });
    play("one-tool", release);
    const released = await client.chat.completions.create({ model: "one-tool", messages });
    expect(released.choices[0]?.message.tool_calls).toHaveLength(1);
  });
});

describe("the client of openai reads responses", () => {
  test.each(RESPONSES)("the stream %s, where its calls are released", async (name) => {
    play(name, release);
    const { output } = await responsesStream().finalResponse();
    const { output: wanted } = JSON.parse(whole("openai-responses", name).toString());
    expect(output).toMatchObject(wanted);
  });

  test.each(RESPONSES)("the stream %s, where its calls are denied", async (name) => {
    play(name, deny);
    const { output } = await responsesStream().finalResponse();
    const { output: wanted } = JSON.parse(whole("openai-responses", name).toString());
    expect(output).toHaveLength(wanted.length);
    const types = output.map(({ type }) => type);
    for (const type of [
      "function_call",
      "custom_tool_call",
      "local_shell_call",
      "computer_call",
      "mcp_approval_request",
    ]) {
      expect(types).not.toContain(type);
    }
    expect(JSON.stringify(output)).toContain(DENIED);
  });

  test("the same of a stream, event by event, as of the whole response", async () => {
    play("text-between-tools", (call) => (call.index === 1 ? deny(call) : release(call)));
    const items: unknown[] = [];
    let text = "";
    let completed: unknown[] = [];
    for await (const event of await client.responses.create({ model: "m", input: "Hi.", stream: true })) {
      if (event.type === "response.output_item.done") items[event.output_index] = event.item;
      if (event.type === "response.output_text.delta") text += event.delta;
      if (event.type === "response.completed") completed = event.response.output;
    }
    expect(items).toEqual(completed);
    expect(text).toBe(`First this.${DENIED}Then that.Both are under way.`);
  });

  test("a call with other arguments", async () => {
    play("one-tool", () => ({ effect: "rewrite", arguments: { command: "true" } }));
    const { output } = await responsesStream().finalResponse();
    expect(output[1]).toMatchObject({
      call_id: "call_9xPz1BqLmR7tKfW2",
      name: "run_shell",
      arguments: '{"command":"true"}',
    });
  });

  test("a whole response", async () => {
    play("one-tool", deny);
    const response = await client.responses.create({ model: "parallel-tools", input: "Hi." });
    expect(response.output_text).toBe(DENIED.repeat(3));
  });
});

describe.each([["chat/completions", "openai-chat"] as const, ["responses", "openai-responses"] as const])(
  "of %s, the client of openai",
  (path, dialect) => {
    const read = async (onText: (text: string) => void = () => undefined): Promise<string[]> => {
      const types: string[] = [];
      if (dialect === "openai-chat") {
        for await (const { choices } of await client.chat.completions.create({ model: "m", messages, stream: true })) {
          const { content, tool_calls } = choices[0]?.delta ?? {};
          if (content) onText(content);
          types.push(tool_calls ? "call" : "words");
        }
      } else {
        for await (const event of await client.responses.create({ model: "m", input: "Hi.", stream: true })) {
          if (event.type === "response.output_text.delta") onText(event.delta);
          types.push(event.type);
        }
      }
      return types;
    };

    test("gets words at once: the provider sends the call only once the client has them", async () => {
      const heard = Promise.withResolvers<void>();
      const bytes = stream(dialect, "one-tool");
      const cut = bytes.indexOf("\n\n", bytes.indexOf(" look.")) + 2;
      async function* upstream(): AsyncGenerator<Uint8Array> {
        yield bytes.subarray(0, cut);
        await heard.promise;
        yield bytes.subarray(cut);
      }
      play("one-tool", release, { upstream });
      const types = await read((text) => text === " look." && heard.resolve());
      expect(types.length).toBeGreaterThan(10);
    });

    test("waits through signs of life while a call is decided", async () => {
      const heard = Promise.withResolvers<void>();
      let pings = 0;
      const decide: Decide = async (call) => {
        await heard.promise;
        return release(call);
      };
      play("one-tool", decide, { pingMs: 1, keepaliveMs: 5 });
      const { fetch } = globalThis;
      const listening = client.withOptions({
        fetch: async (...of) => {
          const response = await fetch(...of);
          const seen = response.body?.pipeThrough(
            new TransformStream({
              transform(piece: Uint8Array, controller) {
                const text = Buffer.from(piece).toString();
                if (/^: ping|"keepalive"/m.test(text) && ++pings > 10) heard.resolve();
                controller.enqueue(piece);
              },
            }),
          );
          return new Response(seen, response);
        },
      });
      if (dialect === "openai-chat") {
        const { choices } = await listening.chat.completions.stream({ model: "m", messages }).finalChatCompletion();
        expect(choices[0]?.message.tool_calls).toHaveLength(1);
      } else {
        const numbers: number[] = [];
        const types: string[] = [];
        for await (const event of await listening.responses.create({ model: "m", input: "Hi.", stream: true })) {
          numbers.push(event.sequence_number);
          types.push(event.type);
        }
        expect(types).toContain("keepalive");
        expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
        expect((await listening.responses.stream({ model: "m", input: "Hi." }).finalResponse()).output).toHaveLength(2);
      }
      expect(pings).toBeGreaterThan(10);
    });

    test("throws where a reply is broken off, and does not ask again", async () => {
      requests = 0;
      const refused = new Refusal("session-ended", "the session is over");
      play("one-tool", () => Promise.reject(refused));
      const error = await read().catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(APIError);
      expect(String(error)).toContain("The gateway ended this reply: the session is over.");
      expect(requests).toBe(1);
    });

    test("does not ask again after a refusal, whatever its status, unless it may", async () => {
      for (const status of [400, 402, 403, 409, 429, 503]) {
        requests = 0;
        refusal = [status, "policy_denied", "Not by this session."];
        const error = await read().catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({ status, code: "policy_denied" });
        expect(String(error)).toContain("Not by this session.");
        expect(requests, `${path} ${status}`).toBe(1);
      }
      refusal = undefined;
    });
  },
);
