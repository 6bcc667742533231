import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Target } from "./load.ts";

/** Watches that are open, and what is told of each event: the milliseconds since it was said. */
export interface WatchClients {
  onEvent: (milliseconds: number) => void;
  close(): void;
}

/** Streams of one connection: what the gateway and an API server allow. */
const STREAMS = 100;
const TOGETHER = 16;
/** Characters of what an event says of its time. */
const LONGEST = 40;

/** Opens a number of watches, over HTTP/1.1 each on a connection of its own. Rejects where one is not answered. */
export async function openWatches(target: Target, count: number, http: 1 | 2): Promise<WatchClients> {
  const clients: WatchClients = { onEvent: () => {}, close: () => {} };
  const take = (): ((chunk: Buffer) => void) => {
    let rest = "";
    return (chunk) => {
      const now = process.hrtime.bigint();
      const text = rest + chunk.toString("latin1");
      let end = Math.max(0, text.length - LONGEST);
      for (const found of text.matchAll(/"at":"(\d+)"/g)) {
        clients.onEvent(Number(now - BigInt(found[1] ?? "0")) / 1e6);
        end = Math.max(end, found.index + found[0].length);
      }
      // An event may come in two pieces.
      rest = text.slice(end);
    };
  };
  const ca = readFileSync(target.caFile ?? "");
  const url = new URL(target.origin);
  const ends: (() => void)[] = [];
  const sessions: ClientHttp2Session[] = [];
  clients.close = () => {
    for (const end of ends) end();
  };
  const one = (n: number): Promise<void> => {
    if (http === 1) return watchHttp1(target, url, ca, take(), ends);
    const at = Math.floor(n / STREAMS);
    let session = sessions[at];
    if (session === undefined) {
      session = connectHttp2(target.origin, { ca });
      sessions[at] = session;
      const made = session;
      // Its streams fail with it, and say so.
      made.on("error", () => {});
      ends.push(() => made.destroy());
    }
    return watchHttp2(target, session, take());
  };
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await one(next++);
  };
  await Promise.all(Array.from({ length: TOGETHER }, lane));
  return clients;
}

function watchHttp1(
  target: Target,
  url: URL,
  ca: Buffer,
  take: (chunk: Buffer) => void,
  ends: (() => void)[],
): Promise<void> {
  const headers = Object.entries({ host: url.host, ...target.headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connectTls({
      host: url.hostname,
      port: Number(url.port),
      ca,
      ALPNProtocols: ["http/1.1"],
    });
    ends.push(() => socket.destroy());
    socket.once("error", reject);
    socket.once("secureConnect", () => socket.write(`GET ${target.path} HTTP/1.1\r\n${headers.join("")}\r\n`));
    socket.once("data", (chunk: Buffer) => {
      if (!chunk.toString("latin1").startsWith("HTTP/1.1 200 ")) reject(new Error(`${target.name}: ${chunk}`));
      socket.on("data", take);
      resolve();
    });
  });
}

function watchHttp2(target: Target, session: ClientHttp2Session, take: (chunk: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ...target.headers, ":path": target.path });
    stream.once("error", reject);
    stream.on("data", take);
    stream.once("response", ({ ":status": status }) => {
      if (status === 200) resolve();
      else reject(new Error(`${target.name}: a watch was answered ${status}`));
    });
  });
}
