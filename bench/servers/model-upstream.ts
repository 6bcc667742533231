import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

// A model provider that writes at a pace. The model that is asked says how: `paced COUNT MILLISECONDS`, `quiet` (some
// words, and then nothing), `large BYTES` (as fast as it is read).
const [certFile = "", keyFile = ""] = process.argv.slice(2);

const event = (type: string, rest: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
const message = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "m",
  content: [],
  usage: { input_tokens: 1 },
};
const START =
  event("message_start", { message }) +
  event("content_block_start", { index: 0, content_block: { type: "text", text: "" } });
const END =
  event("content_block_stop", { index: 0 }) +
  event("message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: 9 } }) +
  event("message_stop", {});
const delta = (text: string): string => event("content_block_delta", { index: 0, delta: { type: "text_delta", text } });
/** A few words, and the time that they were said at: the machine's monotonic clock, which all processes share. */
const said = (): string => delta(`and then some at=${process.hrtime.bigint()};`);

function paced(res: ServerResponse, count: number, everyMs: number): void {
  res.write(START + said());
  let left = count - 1;
  const timer = setInterval(() => {
    if (left-- > 0) res.write(said());
    else {
      clearInterval(timer);
      res.end(END);
    }
  }, everyMs);
  res.once("close", () => clearInterval(timer));
}

async function large(res: ServerResponse, bytes: number): Promise<void> {
  const gone = once(res, "close");
  res.write(START);
  const words = Buffer.from(delta("x".repeat(900)));
  for (let sent = 0; sent < bytes && !res.destroyed; sent += words.length) {
    if (!res.write(words)) await Promise.race([once(res, "drain"), gone]);
  }
  res.end(END);
}

const server = createServer(
  { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["http/1.1"] },
  (req, res) => {
    let head = "";
    req.on("data", (chunk: Buffer) => {
      if (head.length < 200) head += chunk.toString("latin1");
    });
    req.on("end", () => {
      const [way, first = "0", second = "0"] = (/"model":"([^"]*)"/.exec(head)?.[1] ?? "").split(" ");
      res.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      if (way === "paced") paced(res, Number(first), Number(second));
      else if (way === "quiet") res.write(START + said());
      else void large(res, Number(first));
    });
  },
);
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// Our stdin is a pipe of the bench: when it ends, the bench has, however it went.
process.stdin.on("end", () => process.exit(0)).resume();
