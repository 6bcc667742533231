import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { PEER_HEADERS, readPeerMessage } from "../../approvals/peer-message.ts";
import { systemClock } from "../../base/clock.ts";
import { silentLog } from "../../base/log.ts";
import { openPeers } from "../../cli/serve/peers.ts";

const KEY = new Uint8Array(32).fill(7);

/** A replica that takes what one takes: signed, and of at most 64 KiB. */
async function replica(): Promise<{ url: string; killed: Set<string> }> {
  const killed = new Set<string>();
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const header = (name: string): string => String(req.headers[name] ?? "");
    const signed = { timestamp: header(PEER_HEADERS.timestamp), signature: header(PEER_HEADERS.signature), body };
    const message = readPeerMessage([KEY], systemClock.now(), signed);
    const status = Buffer.byteLength(body) > 65_536 ? 413 : message === undefined ? 401 : 200;
    if (status === 200) for (const { session } of message?.kills ?? []) killed.add(session);
    res.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, killed };
}

test("a burst of kills with the longest reasons and names reaches a peer", async () => {
  const { url, killed } = await replica();
  const peers = openPeers({ urls: [url] }, { hmacKey: KEY, clock: systemClock, log: silentLog });
  onTestFinished(() => peers.close());
  const at = Date.now();
  const long = { by: "大".repeat(2000), reason: "大".repeat(1100), at, until: at + 60_000 };
  for (let i = 0; i < 40; i++) peers.tell({ session: `s-${i}`, ...long });
  await expect.poll(() => killed.size).toBe(40);
});
