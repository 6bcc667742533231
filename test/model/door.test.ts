import { fetch } from "undici";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Script } from "./provider.ts";
import { type ModelRig, PROVIDER_KEY, startModelRig } from "./rig.ts";

let rig: ModelRig;
let token: string;
beforeAll(async () => {
  rig = await startModelRig();
  token = await rig.token("agent");
}, 120_000);
afterAll(() => rig?.close());
beforeEach(() => {
  rig.provider.asked.splice(0);
  rig.provider.scripts = [
    { headers: { "content-type": "application/json", "set-cookie": "a=b" }, parts: ['{"data":[]}'] },
  ];
});

async function ask(
  name: "claude" | "gpt",
  path: string,
  { method = "GET", headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  const { dispatcher } = rig;
  const reply = await fetch(`${rig.base(name)}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
    dispatcher,
    ...(body === undefined ? {} : { body }),
  });
  const text = await reply.text();
  return { status: reply.status, headers: reply.headers, text };
}

test("the provider gets the gateway's key, and nothing of the agent's", async () => {
  const reply = await ask("claude", "/v1/models?limit=5", {
    headers: {
      cookie: "a=b",
      "x-forwarded-for": "10.1.2.3",
      "idempotency-key": "of another session",
      "anthropic-version": "2023-06-01",
      "anthropic-beta": "a-1, b-2",
    },
  });
  expect([reply.status, JSON.parse(reply.text)]).toEqual([200, expect.objectContaining({ data: [] })]);
  const [asked] = rig.provider.asked;
  expect(asked?.url).toBe("/v1/models?limit=5");
  const names = (asked?.rawHeaders ?? []).filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
  expect(names.toSorted()).toEqual([
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "connection",
    "host",
    "user-agent",
    "x-api-key",
    "x-client-request-id",
  ]);
  expect(asked?.headers).toMatchObject({
    "x-api-key": PROVIDER_KEY,
    "anthropic-version": "2023-06-01",
    "anthropic-beta": "a-1, b-2",
  });
  expect(JSON.stringify(asked?.rawHeaders)).not.toContain(token);
  expect(reply.headers.get("set-cookie")).toBeNull();
});

test("OpenAI's provider gets the gateway's key as its bearer token", async () => {
  expect((await ask("gpt", "/v1/models")).status).toBe(200);
  expect(rig.provider.asked[0]?.headers.authorization).toBe(`Bearer ${PROVIDER_KEY}`);
});

test("a session token may come as x-api-key, as Anthropic's clients send their key", async () => {
  const headers = { authorization: "", "x-api-key": token };
  const reply = await fetch(`${rig.base("claude")}/v1/models`, {
    headers: { "x-api-key": headers["x-api-key"] },
    dispatcher: rig.dispatcher,
  });
  expect(reply.status).toBe(200);
});

test.for([
  ["no token", { authorization: "" }, 401, "authentication_error"],
  ["the provider's own key", { authorization: `Bearer ${PROVIDER_KEY}` }, 401, "authentication_error"],
  ["two different tokens", { "x-api-key": "another" }, 400, "invalid_request_error"],
] as const)(
  "%s is refused in the provider's own words, and the provider is not asked",
  async ([, headers, status, type]) => {
    const reply = await ask("claude", "/v1/models", { headers });
    expect(reply.status).toBe(status);
    expect(JSON.parse(reply.text)).toMatchObject({
      type: "error",
      error: { type, message: expect.stringMatching(/^sallyport: /) },
    });
    expect(reply.headers.get("x-should-retry")).toBe("false");
    expect(rig.provider.asked).toEqual([]);
  },
);

test.for([
  ["claude", "POST", "/v1/messages/batches"],
  ["claude", "POST", "/v1/files"],
  ["claude", "POST", "/v1/complete"],
  ["claude", "GET", "/v1/messages/batches/b/results"],
  ["claude", "GET", "/v1/models/../files"],
  ["claude", "GET", "/v1/models/%2e%2e"],
  ["claude", "POST", "/v1/messages?callback=https://example.com"],
  ["gpt", "GET", "/v1/responses/resp_1"],
  ["gpt", "POST", "/v1/batches"],
  ["gpt", "POST", "/v1/realtime/sessions"],
  ["gpt", "GET", "/v1/files"],
] as const)("%s %s %s, which would go round the gateway, is refused", async ([name, method, path]) => {
  const reply = await ask(name, path, { method, ...(method === "POST" ? { body: "{}" } : {}) });
  expect(reply.status).toBe(404);
  expect(rig.provider.asked).toEqual([]);
});

test("what no provider of the gateway's is named is told in Kubernetes' words, once the caller is known", async () => {
  const reply = await fetch(`${rig.gateway.url}/connections/other/v1/models`, {
    headers: { authorization: `Bearer ${token}` },
    dispatcher: rig.dispatcher,
  });
  expect(reply.status).toBe(404);
});

test("a provider that does not know the gateway's key is an error of the gateway, not the agent's", async () => {
  rig.provider.scripts = [
    { status: 401, headers: { "content-type": "application/json" }, parts: [`{"error":"bad key ${PROVIDER_KEY}"}`] },
  ];
  const reply = await ask("claude", "/v1/models");
  expect(reply.status).toBe(502);
  expect(reply.text).not.toContain(PROVIDER_KEY);
});

test("an error in which the provider quotes the gateway's key does not reach the agent", async () => {
  rig.provider.scripts = [
    { status: 400, headers: { "content-type": "application/json" }, parts: [`{"error":"no ${PROVIDER_KEY}"}`] },
  ];
  const reply = await ask("claude", "/v1/models");
  expect(reply.status).toBe(502);
  expect(reply.text).not.toContain(PROVIDER_KEY);
});

const json = { "content-type": "application/json" };
const sse = { "content-type": "text/event-stream" };
const REPLY = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-x",
  content: [],
  stop_reason: "end_turn",
};
const quoting = (text: string) => JSON.stringify({ ...REPLY, content: [{ type: "text", text }] });
const START = `event: message_start\ndata: ${JSON.stringify({ type: "message_start", message: { ...REPLY, usage: {} } })}\n\n`;
test.for<[where: string, script: Script]>([
  ["an error, in escapes", { status: 400, headers: json, parts: [`{"error":"\\u0073${PROVIDER_KEY.slice(1)}"}`] }],
  ["a reply", { headers: json, parts: [quoting(PROVIDER_KEY)] }],
  ["a reply, in escapes", { headers: json, parts: [quoting("it").replace("it", `\\u0073${PROVIDER_KEY.slice(1)}`)] }],
  ["its head", { headers: { ...json, "x-request-id": PROVIDER_KEY }, parts: [quoting("hi")] }],
  ["the head of a stream", { headers: { ...sse, "x-request-id": PROVIDER_KEY }, parts: [START] }],
  [
    "an error in a stream",
    {
      headers: sse,
      parts: [START, `event: error\ndata: {"type":"error","error":{"type":"x","message":"${PROVIDER_KEY}"}}\n\n`],
    },
  ],
])("a provider that quotes the gateway's key in %s is not passed on", async ([, script]) => {
  rig.provider.scripts = [script];
  const reply = await ask("claude", "/v1/messages", {
    method: "POST",
    headers: { ...json, "anthropic-version": "2023-06-01" },
    body: JSON.stringify({ model: "m", max_tokens: 9, messages: [{ role: "user", content: "go" }] }),
  });
  expect(rig.provider.asked).toHaveLength(1);
  expect(reply.text).toContain("quotes the gateway's own key");
  expect(reply.text).not.toContain(PROVIDER_KEY.slice(1));
  expect(JSON.stringify([...reply.headers])).not.toContain(PROVIDER_KEY);
});

test("a request that has its provider add what it keeps is refused, and names what", async () => {
  const reply = await ask("gpt", "/v1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "m", input: "x", prompt: { id: "pmpt_1" } }),
  });
  expect(reply.status).toBe(403);
  expect(reply.text).toContain('names what its provider keeps (prompt \\"pmpt_1\\")');
  expect(rig.provider.asked).toEqual([]);
});
