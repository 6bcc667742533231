import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { setTimeout } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { passReply } from "../../dialogue/anthropic/reply-stream.ts";
import type { HttpResponse } from "../../proxy/http.ts";
import { passOn } from "../../proxy/model/streams.ts";
import { ClientGone } from "../../proxy/step.ts";
import { UpstreamResponse } from "../../proxy/upstream.ts";
import { BEGUN, event } from "../dialogue/anthropic/streams.ts";

const START = event("message_start", { message: BEGUN });
const BLOCK = event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
const WORDS = event("content_block_delta", { index: 0, delta: { type: "text_delta", text: "x".repeat(60_000) } });
const STOP = event("content_block_stop", { index: 0 }) + event("message_stop");

/** A client that has asked and reads nothing yet, what it is answered with, and a provider's answer that is given by hand. */
async function passing() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1").pause();
  onTestFinished(() => {
    client.destroy();
    server.close();
  });
  client.write("GET / HTTP/1.1\r\nhost: h\r\n\r\n");
  const [, res] = (await once(server, "request")) as [unknown, ServerResponse & HttpResponse];
  const seen = { paused: 0, resumed: 0, aborted: undefined as Error | undefined };
  const controller = {
    pause: () => seen.paused++,
    resume: () => seen.resumed++,
    abort: (error: Error) => {
      seen.aborted = error;
    },
  } as unknown as Parameters<UpstreamResponse["onRequestStart"]>[0];
  const response = new UpstreamResponse(() => {});
  response.onRequestStart(controller);
  response.onResponseStart(controller, 200, {});
  const give = (text: string): void => response.onResponseData(controller, Buffer.from(text));
  const over = passOn(response, res, (sink) => passReply({ toolCall: async () => ({ effect: "release" }) }, sink));
  return { client, seen, response, give, over };
}

test("a provider is paused while its client does not read, and goes on when it does", async () => {
  const { client, seen, response, give, over } = await passing();
  const given = [START, BLOCK];
  give(START + BLOCK);
  expect(seen.paused).toBe(0);
  for (let i = 0; i < 500 && seen.paused === 0; i++, await setTimeout(1)) {
    give(WORDS);
    given.push(WORDS);
  }
  expect(seen.paused).toBe(1);
  const before = seen.resumed;
  let got = "";
  client.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
  });
  client.resume();
  while (seen.resumed === before) await setTimeout(1);
  give(STOP);
  response.onResponseEnd();
  expect(await over).toBe(Buffer.byteLength(given.join("") + STOP));
  while (!got.endsWith("0\r\n\r\n")) await setTimeout(1);
  expect(got.split("x".repeat(60_000))).toHaveLength(given.length - 1);
  expect(seen.aborted).toBeUndefined();
});

test("a client that goes away takes the provider's stream with it", async () => {
  const { client, seen, give, over } = await passing();
  give(START + BLOCK);
  client.destroy();
  await expect(over).rejects.toBeInstanceOf(ClientGone);
  expect(seen.aborted).toBeInstanceOf(ClientGone);
});

test("a reply that comes no further ends with an error event, and so does its answer", async () => {
  const { client, response, give, over } = await passing();
  let got = "";
  client.on("data", (chunk: Buffer) => {
    got += chunk.toString("latin1");
  });
  client.resume();
  give(START + BLOCK);
  response.onResponseError({} as Parameters<UpstreamResponse["onResponseError"]>[0], new Error("reset"));
  expect(await over).toBeGreaterThan(Buffer.byteLength(START + BLOCK));
  while (!got.endsWith("0\r\n\r\n")) await setTimeout(1);
  expect(got).toContain("event: error");
});
