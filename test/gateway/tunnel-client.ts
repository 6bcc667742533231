import { readFileSync } from "node:fs";
import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { webSocketFrame } from "../kubernetes/websocket-encoder.ts";
import { until } from "./client.ts";
import { answerJson } from "./cluster.ts";
import { head } from "./raw.ts";
import type { Rig, Seen } from "./rig.ts";

/** A client at the far end of an upgrade, on a raw socket. */
export interface TunnelClient {
  socket: TLSSocket;
  /** The status of the answer's head, once it is there. */
  status: number;
  /** Of the answer's head, in lower case. */
  headers: Record<string, string>;
  /** All that came after the head, so far. */
  received(): Buffer;
  /** Whether the gateway has ended or cut the connection. */
  closed: boolean;
}

export const WEBSOCKET = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==",
];
export const V5 = [...WEBSOCKET, "Sec-WebSocket-Protocol: v5.channel.k8s.io"];
export const SPDY = [
  "Connection: Upgrade",
  "Upgrade: SPDY/3.1",
  "X-Stream-Protocol-Version: v4.channel.k8s.io",
  "X-Stream-Protocol-Version: v3.channel.k8s.io",
  "Content-Length: 0",
];
export const EXEC =
  "/connections/local/api/v1/namespaces/shop/pods/web/exec?command=cat&command=-&stdin=true&stdout=true";

/** Sends a request and waits for the head of its answer. `behind` goes out in the same packet; `signal` drops the connection. */
export async function dial(
  rig: Rig,
  line: string,
  headers: readonly string[],
  behind: string | Uint8Array = "",
  signal?: AbortSignal,
): Promise<TunnelClient> {
  const socket = connect({
    host: "127.0.0.1",
    port: rig.gateway.port,
    ca: readFileSync(rig.caFile),
    servername: "localhost",
  });
  let start = Buffer.alloc(0);
  const chunks: Buffer[] = [];
  const client: TunnelClient = {
    socket,
    status: 0,
    headers: {},
    received: () => Buffer.concat(chunks),
    closed: false,
  };
  socket.on("data", (chunk: Buffer) => {
    if (client.status !== 0) {
      chunks.push(chunk);
      return;
    }
    start = Buffer.concat([start, chunk]);
    const end = start.indexOf("\r\n\r\n");
    if (end < 0) return;
    const [first = "", ...lines] = start.subarray(0, end).toString("latin1").split("\r\n");
    for (const one of lines)
      client.headers[one.split(":", 1)[0]?.toLowerCase() ?? ""] = one.slice(one.indexOf(":") + 2);
    client.status = Number(first.split(" ")[1]);
    if (start.length > end + 4) chunks.push(start.subarray(end + 4));
  });
  socket.on("error", () => {});
  signal?.addEventListener("abort", () => socket.destroy());
  socket.on("end", () => {
    client.closed = true;
  });
  socket.on("close", () => {
    client.closed = true;
  });
  socket.write(Buffer.concat([Buffer.from(head(line, headers)), Buffer.from(behind as Uint8Array)]));
  await until(() => client.status !== 0 || client.closed);
  return client;
}

/** The far end of a tunnel, as the stub upstream has it. */
export interface TunnelServer {
  seen: Seen;
  socket: Duplex;
  received(): Buffer;
  closed: boolean;
}

/** An upstream whose pods are there to be read: their Secrets are looked up before a terminal is opened. */
export function withPods(answer: Rig["upstream"]["answer"]): Rig["upstream"]["answer"] {
  return (seen, res) => {
    if (seen.method !== "GET" || !/\/pods\/[\w-]+$/.test(seen.url)) return answer(seen, res);
    answerJson(res, 200, { kind: "Pod", metadata: { name: "web", uid: "u" }, spec: {} });
  };
}

/** What the upstream was asked for, less the pods. */
export function asked(rig: Rig): Seen[] {
  return rig.upstream.seen.filter(({ url }) => !/\/pods\/[\w-]+$/.test(url));
}

/** Makes the stub upstream switch, as an API server does; `extra` bytes go out with the head of its 101. */
export function switchProtocols(rig: Rig, options: { headers?: string[]; extra?: Uint8Array } = {}): TunnelServer[] {
  const servers: TunnelServer[] = [];
  rig.upstream.upgrade = (seen, socket, first) => {
    let bytes = first;
    const server: TunnelServer = { seen, socket, received: () => bytes, closed: false };
    servers.push(server);
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
    });
    socket.on("end", () => {
      server.closed = true;
      socket.end();
    });
    socket.on("close", () => {
      server.closed = true;
    });
    const lines = options.headers ?? answerTo(seen);
    const text = ["HTTP/1.1 101 Switching Protocols", ...lines, "", ""].join("\r\n");
    socket.write(Buffer.concat([Buffer.from(text), options.extra ?? Buffer.alloc(0)]));
  };
  return servers;
}

function answerTo({ headers }: Seen): string[] {
  const websocket = headers.upgrade === "websocket";
  const [first = ""] = String(headers[websocket ? "sec-websocket-protocol" : "x-stream-protocol-version"]).split(", ");
  const chosen = `${websocket ? "Sec-WebSocket-Protocol" : "X-Stream-Protocol-Version"}: ${first}`;
  return ["Connection: Upgrade", `Upgrade: ${headers.upgrade}`, ...(first === "" ? [] : [chosen])];
}

const KEY = Buffer.from([1, 2, 3, 4]);
/** A message of a channel, masked as a client must (RFC 6455 §5.3). */
export const up = (channel: number, text: string | Uint8Array): Buffer =>
  webSocketFrame(Buffer.concat([Buffer.from([channel]), Buffer.from(text as Uint8Array)]), { key: KEY });
/** The same from a server. */
export const down = (channel: number, text: string | Uint8Array): Buffer =>
  webSocketFrame(Buffer.concat([Buffer.from([channel]), Buffer.from(text as Uint8Array)]));
