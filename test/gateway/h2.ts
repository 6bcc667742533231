import { readFileSync } from "node:fs";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Rig } from "./rig.ts";

export const FRAME = {
  data: 0,
  headers: 1,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** RFC 9113 §7. */
export const NO_ERROR = 0;
export const PROTOCOL_ERROR = 1;
export const INTERNAL_ERROR = 2;
export const CANCEL = 8;
export const ENHANCE_YOUR_CALM = 11;

export interface Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** RFC 9113 §4.1. */
export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A header block of literals that are not indexed (RFC 7541 §6.2.2). */
export function block(headers: readonly (readonly [string, string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, "latin1");
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const length = [127];
    let rest = bytes.length - 127;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) + 128);
    return Buffer.concat([Buffer.from([...length, rest]), bytes]);
  };
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

/** A connection of bytes: what is sent is what a test says, and what came back is there as frames. */
export class RawConnection {
  readonly socket: TLSSocket;
  readonly frames: Frame[] = [];
  readonly closed: Promise<void>;
  #rest = Buffer.alloc(0);

  constructor(socket: TLSSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 9 && this.#rest.length >= 9 + this.#rest.readUIntBE(0, 3)) {
        const end = 9 + this.#rest.readUIntBE(0, 3);
        const stream = this.#rest.readUInt32BE(5);
        this.frames.push({
          type: this.#rest.readUInt8(3),
          flags: this.#rest.readUInt8(4),
          stream,
          payload: this.#rest.subarray(9, end),
        });
        this.#rest = this.#rest.subarray(end);
      }
    });
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** The code of what ended a stream, or the whole connection: an error code, or undefined while neither is. */
  ended(stream: number): number | undefined {
    const reset = this.frames.find((one) => one.type === FRAME.rstStream && one.stream === stream);
    if (reset !== undefined) return reset.payload.readUInt32BE(0);
    return this.frames.find(({ type }) => type === FRAME.goaway)?.payload.readUInt32BE(4);
  }

  /** Whether a stream came to its clean end. */
  whole(stream: number): boolean {
    return this.frames.some(
      (one) =>
        one.stream === stream &&
        (one.type === FRAME.data || one.type === FRAME.headers) &&
        (one.flags & END_STREAM) !== 0,
    );
  }
}

export async function rawConnection(rig: Rig, preface: Buffer | undefined = hello()): Promise<RawConnection> {
  const socket = connectTls({
    host: "127.0.0.1",
    port: rig.gateway.port,
    ca: readFileSync(rig.caFile),
    servername: "localhost",
    ALPNProtocols: ["h2"],
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  const connection = new RawConnection(socket);
  socket.write(preface);
  return connection;
}

/** What a client begins with: the preface, and SETTINGS that change nothing. */
export function hello(): Buffer {
  return Buffer.concat([PREFACE, frame(FRAME.settings, 0, 0)]);
}

/** The pseudo-headers of a request, with its token. */
export function request(method: string, path: string, token: string): [string, string][] {
  return [
    [":method", method],
    [":scheme", "https"],
    [":authority", "localhost"],
    [":path", path],
    ["authorization", `Bearer ${token}`],
  ];
}

export function openSession(rig: Rig): ClientHttp2Session {
  const session = connect(`https://localhost:${rig.gateway.port}`, {
    ca: readFileSync(rig.caFile),
    lookup: (_host, _options, done) => done(null, [{ address: "127.0.0.1", family: 4 }] as never, 4),
  });
  session.on("error", () => {});
  return session;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The code that the stream ended with. */
  code: number;
}

/** Sends one request over a session, and reads its answer to whatever its end is. */
export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: Buffer | string,
): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = session.request(headers, { endStream: body === undefined });
    let head: IncomingHttpHeaders = {};
    let text = "";
    stream.on("response", (got) => {
      head = got;
    });
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString("utf8");
    });
    stream.on("error", () => {});
    stream.on("close", () =>
      resolve({ status: Number(head[":status"] ?? 0), headers: head, text, code: stream.rstCode }),
    );
    if (body !== undefined) stream.end(body);
  });
}
