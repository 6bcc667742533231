import Anthropic from "@anthropic-ai/sdk";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { stream } from "../dialogue/anthropic/streams.ts";
import { type ModelRig, newSession, startModelRig } from "./rig.ts";
import { anthropicOf } from "./sdks.ts";

let rig: ModelRig;
let token: string;
let client: Anthropic;
beforeAll(async () => {
  rig = await startModelRig();
  token = await rig.token("agent");
  client = anthropicOf(rig, token);
}, 120_000);
afterAll(() => rig?.close());
beforeEach(() => void rig.provider.asked.splice(0));

const BASH = { name: "Bash", description: "Runs a command.", input_schema: { type: "object" as const } };
const asking = (model = "claude-opus-4-6") => ({
  model,
  max_tokens: 1024,
  tools: [BASH],
  messages: [{ role: "user" as const, content: "Delete the stuck pod." }],
});

function answerWith(content: object[], stop_reason = "tool_use"): void {
  const usage = { input_tokens: 1, output_tokens: 1 };
  const body = {
    id: "msg_1",
    type: "message",
    role: "assistant",
    model: "claude-opus-4-6",
    content,
    stop_reason,
    usage,
  };
  rig.provider.scripts = [{ headers: { "content-type": "application/json" }, parts: [JSON.stringify(body)] }];
}
const CALL = { type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "kubectl get pods" } };
const BLOCKED = expect.stringMatching(/^sallyport: the call of Bash was blocked by ours\/tools: .*Decision /);

/** The body as an agent without an SDK sends it. */
async function post(body: string | Buffer, headers: Record<string, string> = {}) {
  const answer = await request(`${rig.base("claude")}/v1/messages?beta=true`, {
    method: "POST",
    dispatcher: rig.dispatcher,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", ...headers },
    body,
  });
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.from(await answer.body.arrayBuffer()) };
}

describe("@anthropic-ai/sdk, asking for a whole reply", () => {
  test("gets text", async () => {
    answerWith([{ type: "text", text: "Done." }], "end_turn");
    const message = await client.messages.create(asking());
    expect(message).toMatchObject({ content: [{ type: "text", text: "Done." }], stop_reason: "end_turn" });
  });

  test("gets a tool call that is allowed as the provider wrote it", async () => {
    answerWith([CALL]);
    expect(await client.messages.create(asking())).toMatchObject({ content: [CALL], stop_reason: "tool_use" });
  });

  test("gets words in the place of one that is denied, and an end of turn", async () => {
    answerWith([CALL]);
    const { content, stop_reason } = await client.messages.create(asking("denies Bash"));
    expect(content).toEqual([{ type: "text", text: BLOCKED }]);
    expect(stop_reason).toBe("end_turn");
  });
});

describe("a command of a tool call", () => {
  const running = (command: string) => ({ ...CALL, input: { command } });

  test("is denied where a guardrail denies the request that it would make of the cluster", async () => {
    answerWith([running("kubectl create token default -n shop")]);
    const { content } = await client.messages.create(asking());
    const why = expect.stringContaining("was blocked by identity/service-account-token: ");
    expect(content).toEqual([{ type: "text", text: why }]);
  });

  test("is denied where it asks a connection's API server itself, at its address or at the gateway's", async () => {
    for (const url of [rig.upstream.server, `${rig.gateway.url}/connections/local`]) {
      answerWith([running(`curl -k ${url}/version`)]);
      const { content } = await client.messages.create(asking());
      const why = expect.stringContaining("was blocked by tool/around-gateway: ");
      expect(content).toEqual([{ type: "text", text: why }]);
    }
  });

  test("is released where only the cluster's side can tell, or asks a human", async () => {
    for (const command of ["kubectl apply -f x.yaml", "kubectl exec -n shop web -- id"]) {
      answerWith([running(command)]);
      expect((await client.messages.create(asking())).content).toEqual([running(command)]);
    }
  });
});

test("an answer of another status that says success is read as a reply", async () => {
  answerWith([CALL]);
  for (const script of rig.provider.scripts) script.status = 201;
  const { content } = await client.messages.create(asking("denies Bash"));
  expect(content).toEqual([{ type: "text", text: BLOCKED }]);
});

describe("@anthropic-ai/sdk, streaming", () => {
  const streamed = (model?: string) => client.messages.stream(asking(model)).finalMessage();

  test("gets text as it comes", async () => {
    rig.provider.scripts = [{ parts: [stream("text")], chunk: 40 }];
    const pieces: string[] = [];
    const message = await client.messages
      .stream(asking())
      .on("text", (text) => pieces.push(text))
      .finalMessage();
    expect(pieces.length).toBeGreaterThan(1);
    expect(message.content).toEqual([expect.objectContaining({ type: "text", text: pieces.join("") })]);
  });

  test("gets a tool call that is allowed as the provider wrote it", async () => {
    rig.provider.scripts = [{ parts: [stream("one-tool")], chunk: 40 }];
    const { content, stop_reason } = await streamed();
    expect(content.at(-1)).toMatchObject({ type: "tool_use", id: "toolu_01DeletePod", name: "Bash" });
    expect(stop_reason).toBe("tool_use");
  });

  test("gets words in the place of one that is denied, and those beside it", async () => {
    rig.provider.scripts = [{ parts: [stream("parallel-tools")], chunk: 40 }];
    const { content, stop_reason } = await streamed("denies Bash");
    expect(content.map((block) => (block.type === "tool_use" ? block.name : block.type))).toEqual([
      "text",
      "Read",
      "text",
      "Grep",
    ]);
    expect(content[2]).toEqual({ type: "text", text: BLOCKED });
    expect(stop_reason).toBe("tool_use");
  });

  test("gets an end of turn where no call is left", async () => {
    rig.provider.scripts = [{ parts: [stream("one-tool")], chunk: 40 }];
    const { content, stop_reason } = await streamed("denies *");
    expect(content.at(-1)).toEqual({ type: "text", text: BLOCKED });
    expect(stop_reason).toBe("end_turn");
  });

  test("is told where the provider breaks off, and gets no call that was not whole", async () => {
    const bytes = stream("one-tool");
    rig.provider.scripts = [{ parts: [bytes.subarray(0, bytes.indexOf("content_block_stop", 1500))], cut: true }];
    const seen: string[] = [];
    const error = await client.messages
      .stream(asking())
      .on("contentBlock", ({ type }) => seen.push(type))
      .finalMessage()
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(String(error)).toMatch(/The gateway ended this reply: /);
    expect(seen).toEqual(["text"]);
  });
});

describe("a request", () => {
  test("reaches the provider byte for byte, with fields that the gateway has never heard of", async () => {
    rig.provider.scripts = [{ parts: [stream("text")] }];
    const body =
      '{ "model":"claude-opus-4-6",  "max_tokens":1e3, "stream": true, "brand_new": {"a":1.0,"\\u0062":"\\/"},\n"messages":[{"role":"user","content":"gr\\u00fc\u00df"}], "thinking":{"type":"adaptive","display":"omitted"}}';
    const beta = "context-1m-2025-08-07,interleaved-thinking-2025-05-14 , new-2027-01-01";
    const answer = await post(body, { "anthropic-version": "2023-06-01", "anthropic-beta": beta });
    expect(answer.body).toEqual(stream("text"));
    const [asked] = rig.provider.asked;
    expect(asked?.url).toBe("/v1/messages?beta=true");
    expect(asked?.body.toString()).toBe(body);
    expect(asked?.headers).toMatchObject({ "anthropic-version": "2023-06-01", "anthropic-beta": beta });
  });

  test("to count tokens is answered with the provider's count", async () => {
    const headers = { "content-type": "application/json" };
    rig.provider.scripts = [{ headers, parts: ['{"input_tokens":2095}'] }];
    const { max_tokens, ...rest } = asking();
    expect(await client.messages.countTokens(rest)).toEqual({ input_tokens: 2095 });
    expect(rig.provider.asked[0]?.url).toBe("/v1/messages/count_tokens");
  });
});

describe("an answer that is no reply passes as it is", () => {
  test.for([
    [429, "application/json", '{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'],
    [529, "application/json", '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'],
    [500, "text/html", "<html>down</html>"],
    [
      400,
      "application/json",
      '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}',
    ],
  ] as const)("%i in %s", async ([status, type, body]) => {
    const headers = { "content-type": type, "retry-after": "7", "anthropic-ratelimit-tokens-remaining": "0" };
    rig.provider.scripts = [{ status, headers, parts: [body] }];
    const answer = await post(JSON.stringify(asking()));
    expect([answer.status, answer.body.toString()]).toEqual([status, body]);
    const own = type === "text/html" ? "text/html; charset=utf-8" : type;
    expect(answer.headers).toMatchObject({ ...headers, "content-type": own });
    expect(rig.provider.asked).toHaveLength(1);
  });
});

test("a reply of 10 MB streams through as it is", async () => {
  const text = "x".repeat(1_000);
  const [start, end] = stream("text")
    .toString()
    .split(/(?<=content_block_start.*?\n\n).*(?=event: content_block_stop)/s);
  const delta = `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"${text}"}}\n\n`;
  const bytes = Buffer.from(`${start}${delta.repeat(9_200)}${end}`);
  rig.provider.scripts = [{ parts: [bytes], chunk: 262_144 }];
  const answer = await post(JSON.stringify({ ...asking(), stream: true }));
  expect(answer.body.length).toBeGreaterThan(10_000_000);
  expect(answer.body.equals(bytes)).toBe(true);
});

test("a client that goes away ends the provider's stream", async () => {
  const gone = Promise.withResolvers<void>();
  rig.provider.scripts = [{ parts: [stream("text").subarray(0, 600), () => gone.promise] }];
  const reply = client.messages.stream(asking());
  await new Promise((resolve) => reply.once("connect", () => resolve(undefined)));
  reply.abort();
  await reply.done().catch(() => {});
  await expect.poll(() => rig.provider.asked[0]?.left).toBe(true);
  gone.resolve();
});

describe("what the provider keeps of a reply", () => {
  const goOn = (more: object, by = client) =>
    by.messages.create({ ...asking(), ...more, stream: false } as never).then(
      () => "answered",
      (error) => ({ status: error.status, type: error.error?.error?.type, message: String(error.message) }),
    );
  const refused = (why: string) => ({
    ...{ status: 403, type: "permission_error" },
    message: expect.stringMatching(new RegExp(`sallyport: request/recall-refused: .*${why}.* Decision [0-9a-f-]{36}`)),
  });

  test("is for the session that made it, whose container the next code runs in", async () => {
    const message = {
      id: "msg_2",
      type: "message",
      role: "assistant",
      model: "m",
      content: [],
      stop_reason: "end_turn",
    };
    const body = JSON.stringify({ ...message, container: { id: "container_2", expires_at: "2026-12-01T00:00:00Z" } });
    rig.provider.scripts = [{ headers: { "content-type": "application/json" }, parts: [body] }];
    expect(await goOn({})).toBe("answered");
    expect(await goOn({ container: "container_2" })).toBe("answered");
    rig.provider.asked.splice(0);
    const other = anthropicOf(rig, await newSession(rig));
    expect(await goOn({ container: "container_2" }, other)).toEqual(refused("container_2"));
    expect(await goOn({ thread: { type: "continue", previous_message_id: "msg_2" } }, other)).toEqual(refused("msg_2"));
    const document = { type: "document", source: { type: "file", file_id: "file_2" } };
    expect(await goOn({ messages: [{ role: "user", content: [document] }] })).toEqual(refused("file_2"));
    expect(rig.provider.asked).toEqual([]);
  });

  test("is compared with what the same session asks, and with nothing where it is another's", async () => {
    answerWith([{ type: "text", text: "Hi." }], "end_turn");
    expect(await goOn({})).toBe("answered");
    for (const previous_message_id of ["msg_1", "msg_other", null])
      await goOn({ diagnostics: { previous_message_id } });
    const sent = rig.provider.asked.slice(-3).map(({ body }) => JSON.parse(body.toString()).diagnostics);
    expect(sent.map((one) => one.previous_message_id)).toEqual(["msg_1", null, null]);
  });

  test("is not gone on with where it still has a call that was refused", async () => {
    answerWith([{ type: "text", text: "No." }, CALL]);
    const thread = { type: "continue", previous_message_id: "msg_1" };
    expect(await goOn({ thread: { type: "create" } })).toBe("answered");
    expect(await goOn({ thread })).toBe("answered");
    expect(await goOn({ thread, model: "denies Bash" })).toBe("answered");
    expect(await goOn({ thread })).toEqual(refused("a tool call that was refused.* without `thread`"));
  });
});
