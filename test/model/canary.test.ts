import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openStoreReader } from "../../audit/store/open.ts";
import { createLog } from "../../base/log.ts";
import { PLACEHOLDER } from "../../engine/mask/placeholder.ts";
import { kube, type Reply, send, spooled, until } from "../gateway/client.ts";
import { answerJson } from "../gateway/cluster.ts";
import { filesBelow, recordOf, standsIn } from "../gateway/search-record.ts";
import { READS, WRITES } from "./redact-tools.ts";
import { type ModelRig, newSession, startModelRig } from "./rig.ts";

/**
 * A secret that is read through the gateway must not get to the model's provider, to the record or to the logs, in whatever
 * way the agent comes to send it. One session reads it masked. Another one, whose guardrails let it, reads another one in
 * clear: the same check finds that.
 */
const READABLE = Object.fromEntries(["read", "list"].map((rule) => [`secrets/${rule}`, { effect: "allow" }]));
const canary = (): string => `cn-${randomBytes(8).toString("hex")}"q\\ ü/<&>${randomBytes(8).toString("base64url")}`;
const MASKED = canary();
const OPEN = canary();
/** What nobody hides, so that a search that finds nothing is known to look in the right places. */
const CONTROL = `control-${randomBytes(12).toString("hex")}`;

const logged: string[] = [];
let rig: ModelRig;
const tokens: Record<"shop" | "open", string> = { shop: "", open: "" };
const read: Partial<Record<string, Reply>> = {};
beforeAll(async () => {
  rig = await startModelRig({
    log: createLog((line) => void logged.push(line), "debug"),
    guardrails: {
      profiles: ["baseline"],
      defaults: { record: "RequestResponse" },
      scopes: [{ name: "open", match: { namespaces: ["open"] }, profiles: ["observe"], rules: READABLE }],
    },
  });
  rig.upstream.answer = ({ url }, res) => {
    const value = url.includes("/namespaces/open/") ? OPEN : MASKED;
    const data = { password: base64(value) };
    answerJson(res, 200, { kind: "Secret", apiVersion: "v1", metadata: { name: "db", namespace: "shop" }, data });
  };
  for (const namespace of ["shop", "open"] as const) {
    tokens[namespace] = await newSession(rig);
    const path = `/api/v1/namespaces/${namespace}/secrets/db`;
    read[namespace] = await kube(rig, "GET", path, { token: tokens[namespace] });
  }
}, 120_000);
afterAll(() => rig?.close());

const base64 = (value: string | Buffer): string => Buffer.from(value as string).toString("base64");
const cut = (text: string): string[] => [text.slice(0, text.length >> 1), text.slice(text.length >> 1)];

/** What the tools give that the agent runs: one result, or several that follow each other. */
const WAYS: [way: string, write: (value: string) => string[]][] = [
  ["in clear", (value) => [`password: ${value}`]],
  ["in base64", (value) => [`password: ${base64(value)}`]],
  ["in base64 of a file", (value) => [base64(`user: root\npassword: ${value}\n`)]],
  ["in hex", (value) => [Buffer.from(value).toString("hex")]],
  ["in JSON", (value) => [JSON.stringify({ password: value })]],
  ["in JSON inside of JSON", (value) => [JSON.stringify({ stdout: JSON.stringify({ password: value }) })]],
  ["percent-encoded", (value) => [`https://h/?p=${encodeURIComponent(value)}`]],
  ["compressed", (value) => [`H: ${base64(gzipSync(`password: ${value}\n`))}`]],
  ["split over two results", (value) => cut(value)],
  ["in base64, split over two results", (value) => cut(base64(value))],
  ["in hex, split over two results", (value) => cut(Buffer.from(value).toString("hex"))],
  ["in JSON, split over two results", (value) => cut(JSON.stringify({ password: value }))],
  ...WRITES.map(([way, write]): [string, (value: string) => string[]] => [way, (value) => [`\n${write(value)}\n`]]),
  ["compressed, split over two results", (value) => cut(base64(gzipSync(`password: ${value}\n`)))],
];

/** How each API takes them, and answers. */
const APIS: Record<string, { path: string; ask: (results: string[]) => object; reply: object }> = {
  "Anthropic's messages": {
    path: "/connections/claude/v1/messages",
    ask: (results) => ({ model: "claude", max_tokens: 9, messages: inTurns(results) }),
    reply: {
      id: "m",
      type: "message",
      role: "assistant",
      model: "claude",
      content: [],
      stop_reason: "end_turn",
      usage: {},
    },
  },
  "Anthropic's count_tokens": {
    path: "/connections/claude/v1/messages/count_tokens",
    ask: (results) => ({ model: "claude", messages: inTurns(results) }),
    reply: { input_tokens: 1 },
  },
  "OpenAI's chat completions": {
    path: "/connections/gpt/v1/chat/completions",
    ask: (results) => ({
      model: "gpt",
      messages: [
        { role: "user", content: CONTROL },
        ...results.flatMap((content, i) => [
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: `call_${i}`, type: "function", function: { name: "f", arguments: "{}" } }],
          },
          { role: "tool", tool_call_id: `call_${i}`, content },
        ]),
      ],
    }),
    reply: {
      id: "c",
      object: "chat.completion",
      created: 1,
      model: "gpt",
      choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
    },
  },
  "OpenAI's responses": {
    path: "/connections/gpt/v1/responses",
    ask: (results) => ({
      model: "gpt",
      input: [
        { role: "user", content: CONTROL },
        ...results.flatMap((output, i) => [
          { type: "function_call", call_id: `call_${i}`, name: "f", arguments: "{}" },
          { type: "function_call_output", call_id: `call_${i}`, output },
        ]),
      ],
    }),
    reply: { id: "r", object: "response", created_at: 1, status: "completed", model: "gpt", output: [] },
  },
};

/** Each result in a turn of its own, as an agent that runs one tool after the other sends them. */
function inTurns(results: readonly string[]): object[] {
  return [
    { role: "user", content: CONTROL },
    ...results.flatMap((content, i) => [
      {
        role: "assistant",
        content: [{ type: "tool_use", id: `toolu_${i}`, name: "Bash", input: { command: "cat f" } }],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: `toolu_${i}`, content }] },
    ]),
  ];
}

/** All that can be read out of some bytes: themselves, what they say as JSON, and what is compressed in it. */
function readable(bytes: Buffer): Buffer[] {
  const strings: string[] = [];
  const results: string[] = [];
  try {
    JSON.parse(bytes.toString("utf8"), (key, value: unknown) => {
      if (typeof value === "string") strings.push(value);
      if (typeof value === "string" && /^(?:content|output)$/.test(key) && value !== CONTROL) results.push(value);
      return value;
    });
  } catch {
    // No JSON: only its bytes are looked at.
  }
  const joined = results.join("");
  const packed = [...strings, joined].flatMap((one) => one.match(/H4sI[\w+/]+={0,2}/g) ?? []);
  const unpacked = packed.flatMap((one) => {
    try {
      return [gunzipSync(Buffer.from(one, "base64"))];
    } catch {
      return [];
    }
  });
  const reread = results.flatMap((one) =>
    READS.flatMap((read) => {
      try {
        return [Buffer.from(read(one.trim()) as string)];
      } catch {
        return [];
      }
    }),
  );
  return [bytes, Buffer.from(strings.join("\n")), Buffer.from(joined), ...unpacked, ...reread];
}

function holds(value: string, bytes: readonly Buffer[]): boolean {
  return standsIn(value, bytes.flatMap(readable));
}

async function ask(namespace: "shop" | "open", api: string, results: string[]): Promise<Buffer> {
  const { path, ask: question, reply } = APIS[api] as (typeof APIS)[string];
  rig.provider.asked.splice(0);
  rig.provider.scripts = [{ headers: { "content-type": "application/json" }, parts: [JSON.stringify(reply)] }];
  const answer = await send(rig, "POST", path, { token: tokens[namespace], body: question(results) });
  expect(answer.status, answer.text).toBe(200);
  const [asked] = rig.provider.asked;
  return Buffer.from(JSON.stringify([asked?.url, asked?.rawHeaders]) + (asked?.body.toString("utf8") ?? ""));
}

test("a session reads the one masked, and the other one in clear", () => {
  expect(read.shop?.text).toContain(base64(PLACEHOLDER));
  expect(holds(MASKED, [Buffer.from(read.shop?.text ?? "")])).toBe(false);
  expect(read.open?.text).toContain(base64(OPEN));
});

const CASES = Object.keys(APIS).flatMap((api) =>
  WAYS.map(([way, write]) => [way, api, write] as const).filter(
    // What the first API shows of all ways holds for the others, which are read by the same search.
    ([way]) =>
      api === "Anthropic's messages" ||
      process.env.SALLYPORT_TEST_ALL === "1" ||
      /^(?:in clear|compressed, split)/.test(way),
  ),
);

test.for(CASES)(
  "a secret %s does not get to the provider by %s, and one that nobody masks is found there",
  async ([, api, write]) => {
    const body = async (namespace: "shop" | "open", value: string): Promise<Buffer> => {
      const given = await ask(namespace, api, write(value));
      return given.subarray(given.indexOf("{"));
    };
    const masked = await body("shop", MASKED);
    expect(masked.includes(CONTROL)).toBe(true);
    expect(masked.includes(PLACEHOLDER)).toBe(true);
    expect(holds(MASKED, [masked])).toBe(false);
    expect(holds(OPEN, [await body("open", OPEN)])).toBe(true);
  },
);

test("the record says how many were taken out, and where they come from, by the HMAC of the Secret's field", async () => {
  await ask("shop", "Anthropic's messages", [`once ${MASKED}`, `and ${base64(MASKED)}`]);
  const prompt = await until(() =>
    spooled(rig).findLast(({ kind, payload }) => kind === "dialogue.prompt" && payload.includes('"redacted":2')),
  );
  const { redacted, redactions } = JSON.parse(prompt.payload);
  expect(redacted).toBe(2);
  expect(prompt.masked_fields).toEqual(["shop/db:data.password"]);
  expect(redactions.maskedFields).toEqual(["shop/db:data.password"]);
  const outcome = spooled(rig).find((row) => row.masked_fields.includes("data.password"));
  const { masked } = JSON.parse(outcome?.payload ?? "{}") as { masked: Record<string, string> };
  expect(redactions.fingerprints).toEqual({ "shop/db:data.password": Object.values(masked)[0] });
});

test("thinking that the provider signed goes back to it as it was, and comes on record without the secret", async () => {
  const thinking = { type: "thinking", thinking: `The password is ${MASKED}.`, signature: "c2lnbmF0dXJl" };
  const messages = [{ role: "user", content: CONTROL }, { role: "assistant", content: [thinking] }, ...inTurns(["ok"])];
  const reply = { ...APIS["Anthropic's messages"]?.reply, content: [thinking] };
  const type = { "content-type": "application/json" };
  const body = { model: "claude", max_tokens: 9, messages };
  const asked = async (token: string): Promise<number> => {
    rig.provider.asked.splice(0);
    rig.provider.scripts = [{ headers: type, parts: [JSON.stringify(reply)] }];
    return (await send(rig, "POST", "/connections/claude/v1/messages", { token, body })).status;
  };
  // An agent that makes it up hands the provider nothing.
  expect(await asked(tokens.shop)).toBe(403);
  expect(rig.provider.asked).toEqual([]);
  rig.provider.scripts = [{ headers: type, parts: [JSON.stringify(reply)] }];
  const first = { ...body, messages: inTurns([]) };
  await send(rig, "POST", "/connections/claude/v1/messages", { token: tokens.shop, body: first });
  expect(await asked(tokens.shop)).toBe(200);
  expect(rig.provider.asked[0]?.body.toString("utf8")).toBe(JSON.stringify(body));
  const prompt = await until(() => spooled(rig).findLast(({ payload }) => payload.includes('"signed":1')));
  expect(JSON.parse(prompt.payload)).toMatchObject({ redacted: 0, redactions: { signed: 1 } });
});

test.for([
  ["a header", { "anthropic-beta": MASKED.replace(/[^\w"\\-]/g, "") }, ""],
  ["the name of what it asks for", {}, `/${MASKED.slice(0, 19)}`],
] as const)("a request with a secret in %s is refused, and the provider is not asked", async ([, headers, rest]) => {
  // Of the value its first part is a value by itself here.
  const token = await newSession(rig);
  const answerWas = rig.upstream.answer;
  rig.upstream.answer = (_seen, res) =>
    answerJson(res, 200, {
      kind: "Secret",
      apiVersion: "v1",
      metadata: { name: "db", namespace: "shop" },
      data: { a: base64(MASKED.slice(0, 19)), b: base64(MASKED.replace(/[^\w"\\-]/g, "")) },
    });
  await kube(rig, "GET", "/api/v1/namespaces/shop/secrets/db", { token });
  rig.upstream.answer = answerWas;
  rig.provider.asked.splice(0);
  const reply = await send(rig, "GET", `/connections/claude/v1/models${rest}`, { token, headers });
  expect(reply.status).toBe(400);
  expect(reply.json).toMatchObject({ error: { message: expect.stringContaining("must not see") } });
  expect(rig.provider.asked).toEqual([]);
});

test("it does not stand in the spool, in the store or in the logs, where what nobody hides stands", {
  timeout: 60_000,
}, async () => {
  const record = recordOf(rig);
  expect(holds(CONTROL, record)).toBe(true);
  expect(holds(MASKED, record)).toBe(false);
  // As on the cluster's side, what policy lets a session see is not kept for others to read.
  expect(holds(OPEN, record)).toBe(false);
  const store = join(rig.directory, "clickhouse");
  await rig.gateway.close();
  const dump: Buffer[] = [];
  const reader = await openStoreReader({ embedded: store });
  try {
    dump.push(...(await reader.query<object>("SELECT * FROM events")).map((one) => Buffer.from(JSON.stringify(one))));
    const bodies = await reader.query<{ content: string }>("SELECT base64Encode(content) AS content FROM bodies");
    dump.push(...bodies.map(({ content }) => Buffer.from(content, "base64")));
  } finally {
    await reader.close();
  }
  expect(holds(CONTROL, dump)).toBe(true);
  expect(holds(MASKED, [...dump, ...filesBelow(store)])).toBe(false);
  expect(logged.length).toBeGreaterThan(0);
  expect(
    holds(
      MASKED,
      logged.map((line) => Buffer.from(line)),
    ),
  ).toBe(false);
});
