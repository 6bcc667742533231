import OpenAI from "openai";
import { request } from "undici";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { stream } from "../dialogue/openai/streams.ts";
import { spooled, until } from "../gateway/client.ts";
import { payload } from "./dialogue.ts";
import { type ModelRig, newSession, startModelRig } from "./rig.ts";
import { openaiOf } from "./sdks.ts";

let rig: ModelRig;
let token: string;
let client: OpenAI;
beforeAll(async () => {
  rig = await startModelRig();
  token = await rig.token("agent");
  client = openaiOf(rig, token);
}, 120_000);
afterAll(() => rig?.close());
beforeEach(() => void rig.provider.asked.splice(0));

const BLOCKED = expect.stringMatching(/sallyport: the call of run_shell was blocked by ours\/tools: .*Decision /);
const JSON_HEADERS = { "content-type": "application/json" };

function answerWith(body: object): void {
  rig.provider.scripts = [{ headers: JSON_HEADERS, parts: [JSON.stringify(body)] }];
}

test("a call that was denied is answered for the provider, which keeps it and is asked to go on", async () => {
  const call = {
    type: "function_call",
    id: "fc_1",
    call_id: "call_9",
    name: "run_shell",
    arguments: "{}",
    status: "completed",
  };
  const response = { id: "resp_1", object: "response", created_at: 1, status: "completed", model: "m", output: [call] };
  answerWith(response);
  const first = await client.responses.create({ model: "denies run_shell", input: "Delete it." });
  expect(first.output_text).toEqual(BLOCKED);
  answerWith({ ...response, id: "resp_2", output: [] });
  await client.responses.create({ model: "gpt", input: "Go on.", previous_response_id: "resp_1" });
  const sent = JSON.parse(rig.provider.asked.at(-1)?.body.toString() ?? "") as { input: unknown[] };
  expect(sent.input).toEqual([
    { type: "function_call_output", call_id: "call_9", output: BLOCKED },
    { role: "user", content: "Go on." },
  ]);
});

describe("openai, asking for chat completions", () => {
  const asking = (model = "gpt-5.4-mini") => ({
    model,
    tools: [{ type: "function" as const, function: { name: "run_shell", parameters: { type: "object" } } }],
    messages: [{ role: "user" as const, content: "Delete the deployment." }],
  });
  const completion = (message: object, finish_reason: string) => ({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1,
    model: "gpt-5.4-mini",
    choices: [{ index: 0, message: { role: "assistant", ...message }, finish_reason }],
  });
  const CALL = { id: "call_1", type: "function", function: { name: "run_shell", arguments: '{"command": "ls"}' } };

  test("gets text", async () => {
    answerWith(completion({ content: "Done." }, "stop"));
    const { choices } = await client.chat.completions.create(asking());
    expect(choices[0]).toMatchObject({ message: { content: "Done." }, finish_reason: "stop" });
  });

  test("gets a tool call that is allowed as the provider wrote it", async () => {
    answerWith(completion({ content: null, tool_calls: [CALL] }, "tool_calls"));
    const { choices } = await client.chat.completions.create(asking());
    expect(choices[0]).toMatchObject({ message: { tool_calls: [CALL] }, finish_reason: "tool_calls" });
  });

  test("gets words in the place of one that is denied, and a stop", async () => {
    answerWith(completion({ content: null, tool_calls: [CALL] }, "tool_calls"));
    const { choices } = await client.chat.completions.create(asking("denies run_shell"));
    expect(choices[0]).toMatchObject({ message: { content: BLOCKED }, finish_reason: "stop" });
    expect(choices[0]?.message.tool_calls ?? []).toEqual([]);
  });

  test.for([
    ["any", "tool_calls", ["run_shell"]],
    ["denies *", "stop", []],
  ] as const)("streaming from the model %s, ends with %s", async ([model, finish, names]) => {
    rig.provider.scripts = [{ parts: [stream("openai-chat", "one-tool")], chunk: 40 }];
    const { choices } = await client.chat.completions.stream(asking(model)).finalChatCompletion();
    const [choice] = choices;
    expect(choice?.finish_reason).toBe(finish);
    const calls = choice?.message.tool_calls ?? [];
    expect(calls.map((call) => (call.type === "function" ? call.function.name : call.type))).toEqual(names);
    expect(choice?.message.content).toEqual(finish === "stop" ? BLOCKED : "Let me look.");
  });

  test("is told where the provider breaks off within a call, and gets nothing of it", async () => {
    const bytes = stream("openai-chat", "one-tool");
    rig.provider.scripts = [{ parts: [bytes.subarray(0, bytes.indexOf(" deployment"))], cut: true }];
    const seen: string[] = [];
    const reading = async (): Promise<void> => {
      const reply = await client.chat.completions.create({ ...asking(), stream: true });
      for await (const chunk of reply) seen.push(JSON.stringify(chunk));
    };
    const error = await reading().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(String(error)).toMatch(/The gateway ended this reply: /);
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.join("")).not.toMatch(/tool_calls|kubectl/);
  });
});

describe("openai, asking for responses", () => {
  const asking = (model = "gpt-5.4-mini") => ({
    model,
    tools: [{ type: "function" as const, name: "run_shell", parameters: { type: "object" }, strict: false }],
    input: "Delete the deployment.",
  });
  const response = (output: object[]) => ({ id: "resp_1", object: "response", status: "completed", output });
  const CALL = {
    type: "function_call",
    id: "fc_1",
    call_id: "call_1",
    name: "run_shell",
    arguments: '{"command": "ls"}',
    status: "completed",
  };

  test("gets text", async () => {
    const content = [{ type: "output_text", text: "Done.", annotations: [] }];
    answerWith(response([{ type: "message", id: "msg_1", role: "assistant", status: "completed", content }]));
    expect((await client.responses.create(asking())).output_text).toBe("Done.");
  });

  test("gets a tool call that is allowed as the provider wrote it", async () => {
    answerWith(response([CALL]));
    expect((await client.responses.create(asking())).output).toEqual([CALL]);
  });

  test("gets words in the place of one that is denied", async () => {
    answerWith(response([CALL]));
    const reply = await client.responses.create(asking("denies run_shell"));
    expect(reply.output.map(({ type }) => type)).toEqual(["message"]);
    expect(reply.output_text).toEqual(BLOCKED);
  });

  test.for([
    ["any", "function_call"],
    ["denies *", "message"],
  ] as const)("streaming from the model %s, gets a %s at last", async ([model, type]) => {
    rig.provider.scripts = [{ parts: [stream("openai-responses", "one-tool")], chunk: 40 }];
    const reply = await client.responses.stream(asking(model)).finalResponse();
    expect(reply.output.at(-1)?.type).toBe(type);
    expect(JSON.stringify(reply.output).includes("kubectl")).toBe(type === "function_call");
  });

  test("is told where the provider breaks off within a call, and gets nothing of it", async () => {
    const bytes = stream("openai-responses", "one-tool");
    const within = bytes.indexOf("function_call_arguments.delta");
    rig.provider.scripts = [{ parts: [bytes.subarray(0, within + 200)], cut: true }];
    const seen: string[] = [];
    const reading = async (): Promise<void> => {
      const reply = await client.responses.create({ ...asking(), stream: true });
      for await (const event of reply) seen.push(JSON.stringify(event));
    };
    const error = await reading().catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/The gateway ended this reply: /);
    expect(seen.join("")).not.toContain("function_call_arguments");
  });
});

test.for(["/v1/chat/completions", "/v1/responses"])(
  "a request to %s reaches the provider byte for byte",
  async (path) => {
    answerWith({ object: path === "/v1/responses" ? "response" : "chat.completion", output: [], choices: [] });
    const body = `{ "model":"m", "brand_new":{"a":1.0,"\\u0062":"\\/"},"messages":[{"role":"user","content":"x"}],"input":"x"}`;
    const { statusCode } = await request(`${rig.base("gpt")}${path}`, {
      method: "POST",
      dispatcher: rig.dispatcher,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json; charset=utf-8" },
      body,
    });
    expect(statusCode).toBe(200);
    expect(rig.provider.asked[0]?.body.toString()).toBe(body);
  },
);

test.for([
  [429, "application/json", '{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}'],
  [503, "text/html", "<html>down</html>"],
] as const)("an answer of %i in %s passes as it is", async ([status, type, body]) => {
  const headers = { "content-type": type, "retry-after": "7", "x-ratelimit-remaining-tokens": "0" };
  rig.provider.scripts = [{ status, headers, parts: [body] }];
  const answer = await request(`${rig.base("gpt")}/v1/chat/completions`, {
    method: "POST",
    dispatcher: rig.dispatcher,
    headers: { authorization: `Bearer ${token}`, ...JSON_HEADERS },
    body: '{"model":"m","messages":[]}',
  });
  expect([answer.statusCode, await answer.body.text()]).toEqual([status, body]);
  const own = type === "text/html" ? "text/html; charset=utf-8" : type;
  expect(answer.headers).toMatchObject({ ...headers, "content-type": own });
});

describe("what the provider keeps of a reply", () => {
  const RESPONSE = { object: "response", created_at: 1, status: "completed", model: "m", output: [] };
  const created = (id: string): string =>
    `data: ${JSON.stringify({ type: "response.completed", response: { ...RESPONSE, id } })}\n\n`;
  const goOn = (body: object, by = client) =>
    by.responses.create({ model: "gpt", input: "Go on.", stream: false, ...body }).then(
      () => "answered",
      ({ status, code, message }) => ({ status, code, message }),
    );
  const REFUSED = {
    status: 403,
    code: "recall-refused",
    message: expect.stringMatching(
      /sallyport: request\/recall-refused: .*\(reply "resp_mine"\), and .* since the gateway started\. Send the conversation, .* Decision [0-9a-f-]{36}\./,
    ),
  };

  test("is for the session that made it, and no other of the same owner", async () => {
    answerWith({ ...RESPONSE, id: "resp_mine" });
    expect(await goOn({})).toBe("answered");
    expect(await goOn({ previous_response_id: "resp_mine" })).toBe("answered");
    const recorded = () =>
      spooled(rig).find((one) => /resp_mine/.test(one.payload) && payload(one).recalls !== undefined);
    expect(payload(await until(recorded))).toMatchObject({
      recalls: [{ kind: "reply", id: "resp_mine" }],
      stored: true,
    });
    const others = [openaiOf(rig, await rig.token("bob")), openaiOf(rig, await newSession(rig))];
    for (const other of others) {
      rig.provider.asked.splice(0);
      expect(await goOn({ previous_response_id: "resp_mine" }, other)).toEqual(REFUSED);
      expect(rig.provider.asked).toEqual([]);
    }
  });

  test("may be named as soon as the client heard of its end, whether or not the provider's stream has one", async () => {
    const never = () => new Promise<void>(() => {});
    rig.provider.scripts = [{ parts: [created("resp_open"), never] }];
    const stream_ = await client.responses.create({ model: "gpt", input: "Go.", stream: true });
    const { value } = await stream_[Symbol.asyncIterator]().next();
    expect(value).toMatchObject({ type: "response.completed" });
    answerWith({ ...RESPONSE, id: "resp_next" });
    expect(await goOn({ previous_response_id: "resp_open" })).toBe("answered");
    stream_.controller.abort();
  });

  test("brings the tools at the provider that it was made with before policy once more", async () => {
    answerWith({ ...RESPONSE, id: "resp_search" });
    expect(await goOn({ tools: [{ type: "web_search" }] })).toBe("answered");
    rig.provider.asked.splice(0);
    const denied = await goOn({ model: "denies web_search", previous_response_id: "resp_search" });
    expect(denied).toMatchObject({
      status: 403,
      code: "policy-denied",
      message: expect.stringContaining("ours/tools"),
    });
    expect(rig.provider.asked).toEqual([]);
  });

  if (process.env.SALLYPORT_TEST_ALL === "1")
    test("is unknown after a restart, and refused", async () => {
      answerWith({ ...RESPONSE, id: "resp_mine" });
      await goOn({});
      await rig.restart();
      client = openaiOf(rig, token);
      expect(await goOn({ previous_response_id: "resp_mine" })).toMatchObject({
        ...REFUSED,
        message: expect.stringContaining("was not seen to make it since the gateway started"),
      });
    });
});
