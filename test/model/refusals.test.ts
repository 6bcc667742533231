import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freePort } from "../../tools/free-port.ts";
import { open, send, spooled, until } from "../gateway/client.ts";
import { payload, stream } from "./dialogue.ts";
import type { Script } from "./provider.ts";
import { type ModelRig, startModelRig } from "./rig.ts";
import { trusting } from "./sdks.ts";

const UNDER_WAY = 3;
const ALL = process.env.SALLYPORT_TEST_ALL === "1";
const json = { "content-type": "application/json" };

let rig: ModelRig;
const tokens: Record<string, string> = {};
beforeAll(async () => {
  const gone = `https://127.0.0.1:${await freePort()}`;
  rig = await startModelRig({
    guardrails: {
      profiles: ["baseline"],
      rules: { "dialogue/allowed-models": { params: { models: ["*", "!forbidden-*"] } } },
      scopes: [
        {
          name: "nothing of bob's over there",
          match: { users: ["dev:bob@*"], groups: ["*"], connections: ["*-gone"] },
          rules: { "dialogue/asked": { effect: "deny" } },
        },
      ],
    },
    change(config) {
      const connections = config.connections as { name: string }[];
      for (const { name, ...model } of connections.filter(({ name }) => name === "claude" || name === "gpt")) {
        connections.push({ ...model, name: `${name}-gone`, server: gone } as { name: string });
      }
      Object.assign(config, {
        limits: { modelBodyBytes: 4_096, requestsPerIdentity: UNDER_WAY },
        budgets: {
          prices: {
            "priced-*": { inputPerMillion: 1, outputPerMillion: 1, cacheReadPerMillion: 1, cacheWritePerMillion: 1 },
          },
          limits: [
            { match: { users: ["dev:bob@*"] }, per: "identity", calls: 1 },
            { match: { users: ["dev:alice@*"], connections: ["claude", "gpt"] }, per: "session", cost: 1 },
            { match: { users: ["dev:alice@*"] }, per: "session", tokens: 42 },
          ],
        },
      });
    },
  });
  for (const login of ["agent", "bob", "alice"]) tokens[login] = await rig.token(login);
  // Bob's one call.
  rig.provider.scripts = [{ parts: [stream("Done.")] }];
  await send(rig, "POST", "/connections/claude/v1/messages", {
    token: tokens.bob ?? "",
    body: { model: "priced-x", max_tokens: 9, stream: true, messages: [{ role: "user", content: "go" }] },
  });
}, 120_000);
afterAll(() => rig?.close());
beforeEach(() => void rig.provider.asked.splice(0));

interface Asking {
  who?: string;
  model?: string;
  words?: string;
  headers?: Record<string, string>;
  /** A tool of the provider's own. */
  search?: boolean;
  /** Names what its provider keeps, and this session did not make. */
  foreign?: boolean;
  /** What the dialect has no place for. */
  broken?: boolean;
  connection?: "" | "-gone";
}

type Dialect = "anthropic" | "chat" | "responses";

/** What an agent gets through the official client, and how often that asked the gateway. */
async function ask(dialect: Dialect, asking: Asking): Promise<{ error: Error; asked: number }> {
  const {
    who = "agent",
    model = "any",
    words = "go",
    headers = {},
    search = false,
    broken = false,
    foreign = false,
  } = asking;
  const connection = `${dialect === "anthropic" ? "claude" : "gpt"}${asking.connection ?? ""}`;
  const url = `${rig.gateway.url}/connections/${connection}`;
  let asked = 0;
  const counting: typeof fetch = (input, init) => {
    asked += 1;
    return trusting(rig)(input, init);
  };
  const key = tokens[who] ?? who;
  const options = { fetch: counting, maxRetries: 1, defaultHeaders: headers };
  const run = (): Promise<unknown> => {
    if (dialect === "anthropic") {
      const client = new Anthropic({ ...options, baseURL: url, authToken: key, apiKey: null });
      const messages = broken ? ("go" as never) : [{ role: "user" as const, content: words }];
      const tools = search ? [{ type: "web_search_20250305" as const, name: "web_search" as const }] : [];
      const named = foreign ? { container: "container_other" } : {};
      return client.messages.create({ model, max_tokens: 9, messages, tools, ...named });
    }
    const client = new OpenAI({ ...options, baseURL: `${url}/v1`, apiKey: key });
    if (dialect === "chat") {
      const said = { role: "assistant" as const, audio: { id: "audio_other" } };
      const asks = [...(foreign ? [said] : []), { role: "user" as const, content: words }];
      const messages = broken ? ("go" as never) : asks;
      return client.chat.completions.create({ model, messages, ...(search ? { web_search_options: {} } : {}) });
    }
    const tools = search ? [{ type: "web_search" as const }] : [];
    const named = foreign ? { previous_response_id: "resp_other" } : {};
    return client.responses.create({ model, input: broken ? (5 as never) : words, tools, ...named });
  };
  return run().then(
    () => Promise.reject(new Error("it was answered")),
    (error: Error) => ({ error, asked }),
  );
}

interface Row {
  asking: Asking;
  status: number;
  /** Of both clients' exports, by one name. */
  error: keyof typeof Anthropic & keyof typeof OpenAI;
  /** Of the body, in each provider's words. */
  type: [anthropic: string, openai: string];
  code: string;
  words: RegExp;
  /** What the provider says, and how often it may be asked. */
  provider?: Script;
  /** How often the client asks: it may be worth it once more. */
  asked?: 2;
}

const whole = (text: string, type = "application/json"): Script => ({
  headers: { "content-type": type },
  parts: [text],
});

const ROWS: Record<string, Row> = {
  "a token that is none": {
    asking: { who: "sk-of-my-own" },
    ...{ status: 401, error: "AuthenticationError", code: "invalid_api_key", words: /token/ },
    type: ["authentication_error", "authentication_error"],
  },
  "a request that cannot be read": {
    asking: { broken: true },
    ...{ status: 400, error: "BadRequestError", code: "malformed-body", words: /the request is refused: / },
    type: ["invalid_request_error", "invalid_request_error"],
  },
  "a body that is compressed": {
    asking: { headers: { "content-encoding": "gzip" } },
    ...{
      status: 415,
      error: "APIError",
      code: "unsupported-media-type",
      words: /a compressed request to a model is refused/,
    },
    type: ["invalid_request_error", "invalid_request_error"],
  },
  "a request that is too large": {
    asking: { words: "a".repeat(5_000) },
    ...{ status: 413, error: "APIError", code: "body-too-large", words: /is over 4096 bytes/ },
    type: ["request_too_large", "invalid_request_error"],
  },
  "a tool of the provider's that policy denies": {
    asking: { search: true, model: "denies web_search" },
    ...{ status: 403, error: "PermissionDeniedError", code: "policy-denied", words: /ours\/tools: .*Decision / },
    type: ["permission_error", "permission_error"],
  },
  "a model that policy does not allow": {
    asking: { model: "forbidden-x" },
    ...{ status: 403, error: "PermissionDeniedError", code: "policy-denied" },
    words: /blocked by dialogue\/allowed-models: `forbidden-x` is none of the models that are allowed.*Decision /,
    type: ["permission_error", "permission_error"],
  },
  "a dialogue that policy lets nobody of theirs begin there": {
    asking: { who: "bob", connection: "-gone" },
    ...{ status: 403, error: "PermissionDeniedError", code: "policy-denied", words: /blocked by dialogue\/asked: / },
    type: ["permission_error", "permission_error"],
  },
  "what the provider keeps of another session": {
    asking: { foreign: true },
    ...{ status: 403, error: "PermissionDeniedError", code: "recall-refused" },
    words: /request\/recall-refused: .*\((?:container|audio|reply) \\?"\w+_other\\?"\).* Decision /,
    type: ["permission_error", "permission_error"],
  },
  "a budget that is spent": {
    asking: { who: "bob", model: "priced-x" },
    ...{ status: 402, error: "APIError", code: "insufficient_quota" },
    words: /the budget of 24h of this identity is spent: 1 of 1 calls\. There is room again at 20\S+Z;/,
    type: ["billing_error", "insufficient_quota"],
  },
  "a model whose price nobody named": {
    asking: { who: "alice", model: "unheard-of" },
    ...{ status: 402, error: "APIError", code: "price-unknown", words: /no price for \\?"unheard-of/ },
    type: ["billing_error", "insufficient_quota"],
  },
  "a key of the gateway's that the provider does not know": {
    asking: {},
    provider: { ...whole('{"error":{}}'), status: 401 },
    ...{ status: 502, error: "InternalServerError", code: "credential-unavailable", words: /the gateway's own key/ },
    type: ["api_error", "server_error"],
  },
  "an answer of a type that cannot be read": {
    asking: {},
    provider: whole("<html>", "text/html"),
    ...{ status: 403, error: "PermissionDeniedError", code: "unmaskable", words: /text\/html, which cannot be read/ },
    type: ["permission_error", "permission_error"],
  },
  "a reply that cannot be read": {
    asking: {},
    provider: whole('{"id":1,"id":2}'),
    ...{ status: 502, error: "InternalServerError", code: "reply_refused", words: /The gateway ended this reply: / },
    type: ["api_error", "server_error"],
  },
  "a provider that is out of reach, which is asked once more": {
    asking: { connection: "-gone" },
    ...{ status: 502, error: "InternalServerError", code: "upstream-unreachable", words: /sallyport: / },
    type: ["api_error", "server_error"],
    asked: 2,
  },
};

/** A refusal is the same for both of OpenAI's dialects but for who reads it. */
const DIALECTS: Dialect[] =
  process.env.SALLYPORT_TEST_ALL === "1" ? ["anthropic", "chat", "responses"] : ["anthropic", "chat"];

describe.each(DIALECTS)("the official client of %s is told of", (dialect) => {
  test.each(Object.entries(ROWS))(
    "%s",
    async (_, { asking, status, error, type, code, words, provider, asked = 1 }) => {
      rig.provider.scripts = [provider ?? whole("{}")];
      const answer = await ask(dialect, asking);
      const sdk = dialect === "anthropic" ? Anthropic : OpenAI;
      expect(answer.error).toBeInstanceOf(sdk[error] as new () => Error);
      expect(answer.error.message).toMatch(words);
      expect(answer.error).toMatchObject({ status, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
      const said = dialect === "anthropic" ? { error: { error: { type: type[0] } } } : { type: type[1], code };
      expect(answer.error).toMatchObject(said);
      expect({ gateway: answer.asked, provider: rig.provider.asked.length }).toEqual({
        gateway: asked,
        provider: provider === undefined ? 0 : 1,
      });
    },
  );

  test("too many requests at once", async () => {
    const never = () => new Promise<void>(() => {});
    rig.provider.scripts = [{ headers: json, parts: [never] }];
    const leave = new AbortController();
    const body = { model: "any", max_tokens: 9, messages: [{ role: "user", content: "go" }] };
    const token = tokens.agent ?? "";
    const { signal } = leave;
    const open_ = Array.from({ length: UNDER_WAY }, () =>
      open(rig, "POST", "/connections/claude/v1/messages", { token, body, signal }).catch(() => {}),
    );
    await until(() => rig.provider.asked.length === UNDER_WAY);
    const { error, asked } = await ask(dialect, {});
    leave.abort();
    await Promise.all(open_);
    expect(error).toBeInstanceOf((dialect === "anthropic" ? Anthropic : OpenAI).RateLimitError);
    expect(error.message).toContain("already has 3 requests under way");
    expect(asked).toBe(1);
    await until(() => rig.provider.asked.every(({ left }) => left));
  });
});

test("a budget is spent by what the provider counted, which is on record and among the metrics", async () => {
  const token = tokens.alice ?? "";
  rig.provider.scripts = [{ parts: [stream("Done.")] }];
  const request = { model: "priced-x", max_tokens: 9, stream: true, messages: [{ role: "user", content: "go" }] };
  const post = () => send(rig, "POST", "/connections/claude/v1/messages", { token, body: request });
  const first = await post();
  expect(first.text).toBe(stream("Done."));
  const reply = await until(() =>
    spooled(rig).find((one) => one.exchange_id === first.headers["request-id"] && one.kind === "dialogue.reply"),
  );
  expect(payload(reply).spent).toEqual({ tokens: 42, cost: 0.000042 });
  expect((await post()).json?.error).toMatchObject({
    type: "billing_error",
    message: expect.stringMatching(/the budget of this session is spent: 42 of 42 tokens\. Stop here/),
  });
  const metrics = await (await fetch(`http://127.0.0.1:${rig.gateway.adminPort}/metrics`)).text();
  expect(metrics).toMatch(/^sallyport_model_tokens_total\{connection="claude",model="claude-x",kind="output"\} 60$/m);
  expect(metrics).toMatch(/^sallyport_model_replies_total\{connection="claude",model="claude-x"\} 2$/m);
});

describe("a model that policy does not allow", () => {
  const post = (path: string, body: object) =>
    send(rig, "POST", `/connections/${path}`, { token: tokens.agent ?? "", body });
  const request = (model: string) => ({ model, max_tokens: 9, messages: [{ role: "user", content: "go" }] });

  test.for<[string, string, object]>([
    ["count the tokens of a prompt", "claude/v1/messages/count_tokens", request("forbidden-x")],
    ["take over", "claude/v1/messages", { ...request("any"), fallbacks: [{ model: "forbidden-x" }] }],
    ["take over for another provider's", "gpt/v1/chat/completions", { ...request("any"), models: ["forbidden-x"] }],
  ])("may not %s either", async ([, path, body]) => {
    const { status, json, headers } = await post(path, body);
    expect([status, JSON.stringify(json)]).toEqual([403, expect.stringContaining("dialogue/allowed-models")]);
    expect(rig.provider.asked).toEqual([]);
    const event = await until(() => spooled(rig).find((one) => one.exchange_id === headers["request-id"]));
    expect([event.kind, event.effect, event.rules]).toEqual(["request.refused", "deny", ["dialogue/allowed-models"]]);
  });

  test("is listed all the same", async () => {
    rig.provider.scripts = [whole('{"data":[]}')];
    const { status } = await send(rig, "GET", "/connections/claude/v1/models/forbidden-x", {
      token: tokens.agent ?? "",
    });
    expect(status).toBe(200);
  });
});

test("counting tokens and listing models spends nothing", async () => {
  rig.provider.scripts = [whole('{"input_tokens":5}')];
  const body = { model: "priced-x", messages: [{ role: "user", content: "go" }] };
  const count = { token: tokens.bob ?? "", body };
  expect((await send(rig, "POST", "/connections/claude/v1/messages/count_tokens", count)).status).toBe(200);
});

test.runIf(ALL)("what was spent is spent after a restart", async () => {
  await rig.restart();
  const body = { model: "priced-x", max_tokens: 9, messages: [{ role: "user", content: "go" }] };
  const { status, json } = await send(rig, "POST", "/connections/claude/v1/messages", {
    token: tokens.bob ?? "",
    body,
  });
  expect(status).toBe(402);
  expect(json?.error).toMatchObject({ message: expect.stringContaining("1 of 1 calls") });
});
