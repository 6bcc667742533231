import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Pool } from "undici";
import { expect, test } from "vitest";
import type { ModelDecided } from "../../proxy/model/exchange.ts";
import { replyHeaders } from "../../proxy/model/headers.ts";
import { forward } from "../../proxy/model/steps/forward.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** A provider that says that it answers, and then nothing; what it was sent, as text. */
async function quietProvider() {
  const sent = Promise.withResolvers<{ body: string; length: string | undefined }>();
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      sent.resolve({ body: Buffer.concat(chunks).toString(), length: req.headers["content-length"] });
      res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const pool = new Pool(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const close = async (): Promise<void> => {
    await pool.destroy();
    server.close();
    server.closeAllConnections();
  };
  return { pool, sent: sent.promise, close };
}

function decided(pool: Pool, body: Buffer): ModelDecided {
  const asked = { model: "m", stream: true, prompt: "p", toolResults: [{ id: "t", text: "r", isError: false }] };
  return {
    id: "01",
    req: { method: "POST", headers: {} },
    connection: { name: "claude", kind: "anthropic", labels: {}, prefix: "", pool, key: () => "k" },
    target: "/v1/messages",
    signal: new AbortController().signal,
    body,
    recorded: body,
    asked: { ...asked, tools: [], mcpServers: [] },
  } as unknown as ModelDecided;
}

test("what was asked is sent whole, and is let go of while its reply is still open", async () => {
  const { pool, sent, close } = await quietProvider();
  try {
    let body: Buffer | undefined = Buffer.alloc(3_000_000, "words ");
    const words = body.toString();
    const kept = new WeakRef(body.buffer);
    const exchange = decided(pool, body);
    body = undefined;
    const forwarded = await forward(exchange);
    expect(await sent).toEqual({ body: words, length: "3000000" });
    for (let i = 0; i < 50 && kept.deref() !== undefined; i++) {
      await setTimeout(10);
      collect();
    }
    expect(kept.deref()).toBeUndefined();
    expect(forwarded).toMatchObject({ response: { status: 200 }, requestBytes: 3_000_000, asked: { model: "m" } });
    forwarded.response.abort(new Error("over"));
  } finally {
    await close();
  }
});

test.for([
  ["application/json; charset=utf-7", "application/json"],
  ["text/event-stream;charset=UTF-16", "text/event-stream; charset=utf-8"],
  ["Text/HTML; charset=utf-7", "text/html; charset=utf-8"],
  ["text/html\u00a0x", "application/octet-stream"],
  [undefined, undefined],
])("an answer of type %s is of type %s for its client, who reads it as the gateway did", ([type, expected]) => {
  expect(replyHeaders(type === undefined ? {} : { "content-type": type })["content-type"]).toBe(expected);
});

test("of a provider's head its client gets limits and ids, one value of each, and not whose account it is", () => {
  const limits = {
    "anthropic-ratelimit-tokens-limit": "9",
    "x-ratelimit-limit-tokens": "9",
    "openai-processing-ms": "7",
  };
  const account = { "openai-organization": "acme", "anthropic-organization-id": "org", "openai-project": "p" };
  const repeated = { "retry-after": ["7", "8"], "x-should-retry": ["true", "false"] } as object;
  expect(replyHeaders({ ...limits, ...account, ...repeated, "set-cookie": ["a=b"], "x-request-id": "r" })).toEqual({
    ...limits,
    ...{ "retry-after": "7", "x-should-retry": "true", "x-request-id": "r" },
  });
});
