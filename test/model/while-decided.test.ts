import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { whileDecided } from "../../proxy/model/while-decided.ts";

const usage = { input_tokens: 1, output_tokens: 1 };
const MESSAGE = {
  id: "m",
  type: "message",
  role: "assistant",
  model: "x",
  content: [],
  stop_reason: "end_turn",
  usage,
};
const COMPLETION = { id: "c", object: "chat.completion", created: 1, model: "x", choices: [] };
const RESPONSE = { id: "r", object: "response", created_at: 1, model: "x", status: "completed", output: [] };
const json = { "content-type": "application/json" };

let server: Server;
let url: string;
let answer: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
beforeAll(async () => {
  server = createServer((req, res) => void answer(req, res));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

/** Answers with this once a head and three spaces went out. */
function after(body: object, asked: IncomingMessage[] = []): void {
  answer = async (req, res) => {
    asked.push(req);
    let spaces = 0;
    const write = res.write.bind(res) as (chunk: string) => boolean;
    const { promise, resolve } = Promise.withResolvers<void>();
    res.write = ((chunk: string) => {
      if (++spaces === 3) resolve();
      return write(chunk);
    }) as typeof res.write;
    await whileDecided(res as never, () => res.writeHead(200, json), promise, 2);
    res.end(JSON.stringify(body));
  };
}

test.for<[string, object, () => Promise<object>]>([
  [
    "@anthropic-ai/sdk",
    MESSAGE,
    () =>
      new Anthropic({ baseURL: url, apiKey: "k" }).messages.create({
        model: "x",
        max_tokens: 9,
        messages: [{ role: "user", content: "go" }],
      }),
  ],
  [
    "openai, asking for chat completions,",
    COMPLETION,
    () =>
      new OpenAI({ baseURL: `${url}/v1`, apiKey: "k" }).chat.completions.create({
        model: "x",
        messages: [{ role: "user", content: "go" }],
      }),
  ],
  [
    "openai, asking for responses,",
    RESPONSE,
    () => new OpenAI({ baseURL: `${url}/v1`, apiKey: "k" }).responses.create({ model: "x", input: "go" }),
  ],
])("%s reads a reply of which it heard spaces before", async ([, body, ask]) => {
  const asked: IncomingMessage[] = [];
  after(body, asked);
  expect(await ask()).toMatchObject(body);
  expect(asked).toHaveLength(1);
});

test("what is decided at once has its head with it, and nothing before", async () => {
  answer = async (_, res) => {
    const body = await whileDecided(res as never, () => res.writeHead(500), Promise.resolve("{}"), 2);
    res.writeHead(200, { ...json, "content-length": body.length }).end(body);
  };
  const reply = await fetch(url);
  expect([reply.status, reply.headers.get("content-length"), await reply.text()]).toEqual([200, "2", "{}"]);
});

test("what fails is thrown, and nothing is written after it", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const failing = Promise.reject(new Error("the session was ended"));
  await expect(whileDecided({} as never, () => {}, failing)).rejects.toThrow("the session was ended");
  expect(vi.getTimerCount()).toBe(0);
});

test("a head that cannot be sent is thrown to whoever waits, and not at the process", async () => {
  const head = (): never => {
    throw new TypeError("no such head");
  };
  const never = new Promise<string>(() => {});
  await expect(whileDecided({ headersSent: false } as never, head, never, 1)).rejects.toThrow("no such head");
});
