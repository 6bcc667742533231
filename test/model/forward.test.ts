import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Pool } from "undici";
import { expect, test } from "vitest";
import type { ModelDecided } from "../../proxy/model/exchange.ts";
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
