import { readFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

// An API server whose watches say what they are told to: `POST /say?events=N&rate=R` sends N events, one after the
// other to the next watch, R in a second; without a rate each of them goes to every watch.
const [certFile = "", keyFile = ""] = process.argv.slice(2);
const watches = new Set<ServerResponse>();
let order: ServerResponse[] = [];

/** Of 1 KB. The time that it was said at is the machine's monotonic clock, which all processes share. */
function event(): string {
  const metadata = {
    name: "web",
    namespace: "shop",
    annotations: { at: String(process.hrtime.bigint()), padding: "" },
  };
  const object = { type: "MODIFIED", object: { kind: "Pod", apiVersion: "v1", metadata } };
  metadata.annotations.padding = "x".repeat(1_023 - JSON.stringify(object).length);
  return `${JSON.stringify(object)}\n`;
}

async function spread(events: number, rate: number): Promise<void> {
  const started = performance.now();
  for (let i = 0; i < events; ) {
    for (const due = ((performance.now() - started) / 1_000) * rate; i < events && i <= due; i++) {
      order[i % order.length]?.write(event());
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const server = createServer(
  { cert: readFileSync(certFile), key: readFileSync(keyFile), ALPNProtocols: ["http/1.1"] },
  (req, res) => {
    const { pathname, searchParams } = new URL(req.url ?? "/", "https://stub");
    if (pathname === "/say") {
      const [events, rate] = [Number(searchParams.get("events")), Number(searchParams.get("rate"))];
      order = [...watches];
      const said = rate > 0 ? spread(events, rate) : Promise.resolve(say(event()));
      said.then(() => res.end("said"));
      return;
    }
    res.writeHead(200, { "content-type": "application/json" });
    res.flushHeaders();
    watches.add(res);
    res.once("close", () => watches.delete(res));
  },
);
function say(text: string): void {
  for (const res of order) res.write(text);
}
server.keepAliveTimeout = 120_000;
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
// Our stdin is a pipe of the bench: when it ends, the bench has, however it went.
process.stdin.on("end", () => process.exit(0)).resume();
