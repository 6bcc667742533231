import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Anthropic, { APIError } from "@anthropic-ai/sdk";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { anthropicError, anthropicErrorType } from "../../../dialogue/anthropic/errors.ts";
import { guardReply } from "../../../dialogue/anthropic/reply.ts";
import { guardReplyStream } from "../../../dialogue/anthropic/reply-stream.ts";
import { DENIED, type Decide, from, inPieces, STREAMS, stream } from "./streams.ts";

/** What the loopback server answers next, and how often it was asked. */
let decide: Decide = () => ({ effect: "release" });
let provider: Uint8Array[] = [];
let whole: Buffer | undefined;
let status = 200;
let asked = 0;
let server: Server;
let client: Anthropic;

beforeAll(async () => {
  server = createServer(async (_, response) => {
    asked++;
    const hooks = { toolCall: async (call: Parameters<Decide>[0]) => decide(call), pingMs: 1 };
    if (status !== 200) {
      const { headers, body } = anthropicError(status, anthropicErrorType(status), "No.");
      response.writeHead(status, { ...headers, "retry-after-ms": "1" }).end(body);
    } else if (whole !== undefined) {
      const { body } = await guardReply(whole, hooks);
      response.writeHead(200, { "content-type": "application/json" }).end(body);
    } else {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for await (const piece of guardReplyStream(from(provider), hooks).bytes) response.write(piece);
      response.end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  client = new Anthropic({ apiKey: "none", baseURL: `http://127.0.0.1:${port}`, maxRetries: 2 });
});
afterAll(() => new Promise((resolve) => server.close(resolve)));

const PARAMS = { model: "claude-opus-4-6", max_tokens: 10, messages: [{ role: "user", content: "x" }] } as const;
const streamed = () => client.beta.messages.stream({ ...PARAMS, messages: [...PARAMS.messages] }).finalMessage();

function answer(bytes: Buffer, verdict: Decide, size = 33): void {
  [provider, decide, whole, status, asked] = [inPieces(bytes, size), verdict, undefined, 200, 0];
}

describe("@anthropic-ai/sdk reads", () => {
  test.each(STREAMS)("$name as it reads the provider's own stream", async ({ bytes }) => {
    answer(bytes, () => ({ effect: "release" }));
    const message = await streamed();
    const events = bytes.toString().matchAll(/"content_block":\{"type":"(\w+)"/g);
    expect(message.content.map(({ type }) => type as string)).toEqual([...events].map(([, type]) => type));
  });

  test("the input of a call that was released after a wait with pings", async () => {
    answer(stream("unicode"), async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return { effect: "release" };
    });
    const [, write] = (await streamed()).content;
    expect(write).toMatchObject({ type: "tool_use", name: "Write", input: { path: "/tmp/naïve.txt" } });
  });

  test("text in the place of calls that were denied, and an end of turn", async () => {
    answer(stream("parallel-tools"), () => ({ effect: "replace", text: DENIED }));
    const { content, stop_reason } = await streamed();
    expect(content.slice(1)).toEqual(Array.from({ length: 3 }, () => ({ type: "text", text: DENIED })));
    expect(stop_reason).toBe("end_turn");
  });

  test("the new input of a call that was rewritten", async () => {
    answer(stream("one-tool"), () => ({ effect: "rewrite", arguments: { command: "true" } }));
    const { content, stop_reason } = await streamed();
    expect(content[1]).toMatchObject({ type: "tool_use", id: "toolu_01DeletePod", input: { command: "true" } });
    expect(stop_reason).toBe("tool_use");
  });

  test("an error where a stream was broken off, and hands out no call", async () => {
    answer(Buffer.from(stream("one-tool").toString().replace('"index":1', '"index":2')), () => ({ effect: "release" }));
    const error = await streamed().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(APIError);
    expect((error as APIError).type).toBe("api_error");
    expect(String(error)).toContain("its blocks are not in order");
    expect(asked).toBe(1);
  });

  test("a reply that came whole, with text in the place of its call", async () => {
    answer(stream("text"), () => ({ effect: "replace", text: DENIED }));
    const content = [{ type: "tool_use", id: "toolu_1", name: "Bash", input: { command: "ls" } }];
    whole = Buffer.from(JSON.stringify({ type: "message", role: "assistant", content, stop_reason: "tool_use" }));
    const message = await client.messages.create({ ...PARAMS, messages: [...PARAMS.messages] });
    expect(message.content).toEqual([{ type: "text", text: DENIED }]);
    expect(message.stop_reason).toBe("end_turn");
  });
});

describe("@anthropic-ai/sdk asks again", () => {
  test.each([
    [400, "invalid_request_error", 1],
    [401, "authentication_error", 1],
    [402, "billing_error", 1],
    [403, "permission_error", 1],
    [404, "not_found_error", 1],
    [413, "request_too_large", 1],
    [429, "rate_limit_error", 3],
    [500, "api_error", 3],
    [504, "timeout_error", 3],
    [529, "overloaded_error", 3],
  ])("after %i, which is %s: %i times in all", async (code, type, times) => {
    answer(stream("text"), () => ({ effect: "release" }));
    status = code;
    const error = await client.messages.create({ ...PARAMS, messages: [...PARAMS.messages] }).catch((thrown) => thrown);
    expect([error.status, error.type, asked]).toEqual([code, type, times]);
  });
});
