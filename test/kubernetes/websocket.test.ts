import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { createTunnelParser } from "../../kubernetes/channels/tunnel-parser.ts";
import type { TunnelOptions } from "../../kubernetes/channels/types.ts";
import { HEADER_DICTIONARY } from "../../kubernetes/spdy/dictionary.ts";
import { SpdyEncoder } from "./spdy-encoder.ts";
import { parseAll, type Sent } from "./tunnel-script.ts";
import { type FrameOptions, webSocketFrame } from "./websocket-encoder.ts";

const v5: TunnelOptions = { protocol: "websocket", subprotocol: "v5.channel.k8s.io", subresource: "exec", query: {} };
const v4: TunnelOptions = { ...v5, subprotocol: "v4.channel.k8s.io" };
const tunnelled: TunnelOptions = { ...v5, subprotocol: "SPDY/3.1+portforward.k8s.io", subresource: "portforward" };
const ports: TunnelOptions = { ...v4, subresource: "portforward", query: { ports: ["80", "443,9000"] } };

const KEY = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d);
const clientFrame = (payload: Uint8Array | string, options: FrameOptions = {}) =>
  webSocketFrame(payload, { key: KEY, ...options });
const up = (...frames: Uint8Array[]): Sent => ({ direction: "up", bytes: Buffer.concat(frames) });
const down = (...frames: Uint8Array[]): Sent => ({ direction: "down", bytes: Buffer.concat(frames) });
const data = (channel: string, stream: number, payload: string, fin = false) => ({
  kind: "data",
  channel,
  stream,
  payload,
  fin,
});
const closed = (code: number) => Buffer.from([code >> 8, code & 255]);

/** An exec of `cat`, as kubectl and the API server send it, with server fragments and pings between. */
function execSession(): Sent[] {
  const long = "y".repeat(300);
  return [
    down(webSocketFrame("\x01")),
    up(clientFrame("\x00hello"), clientFrame("ping", { opcode: 9 }), clientFrame(`\x00${long}`)),
    down(webSocketFrame("ping", { opcode: 10 }), webSocketFrame("\x01hello")),
    up(clientFrame('\x04{"Width":80,"Height":24}'), clientFrame("pong", { opcode: 10 })),
    up(clientFrame(Uint8Array.of(255, 0))),
    down(webSocketFrame("", { fin: false }), webSocketFrame("\x02on", { fin: false, opcode: 0 })),
    down(webSocketFrame("?", { opcode: 9 }), webSocketFrame("", { fin: false, opcode: 0 })),
    down(webSocketFrame("e message", { opcode: 0 }), webSocketFrame(`\x01${long}`), webSocketFrame("")),
    down(webSocketFrame('\x03{"status":"Success"}'), webSocketFrame(closed(1000), { opcode: 8 })),
    up(clientFrame(closed(1000), { opcode: 8 })),
  ];
}
const EXEC_SAID = {
  up: [
    data("stdin", 0, "hello"),
    data("stdin", 0, "y".repeat(300)),
    data("resize", 4, '{"Width":80,"Height":24}'),
    data("stdin", 0, "", true),
    { kind: "closing", code: 1000 },
  ],
  down: [
    data("stdout", 1, ""),
    data("stdout", 1, "hello"),
    data("stderr", 2, "one message"),
    data("stdout", 1, "y".repeat(300)),
    data("error", 3, '{"status":"Success"}'),
    { kind: "closing", code: 1000 },
  ],
};

function refusal(options: TunnelOptions, sent: readonly Sent[]): Refusal {
  try {
    parseAll(createTunnelParser(options), sent);
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

describe("a WebSocket tunnel", () => {
  test("says the channels of an exec, and passes every byte", () => {
    expect(parseAll(createTunnelParser(v5), execSession())).toEqual(EXEC_SAID);
  });

  test("is read alike wherever the bytes are cut", () => {
    const whole = execSession();
    whole.forEach((one, index) => {
      for (let cut = 1; cut < one.bytes.length; cut++) {
        const halves = [one.bytes.subarray(0, cut), one.bytes.subarray(cut)].map((bytes) => ({ ...one, bytes }));
        expect(parseAll(createTunnelParser(v5), whole.toSpliced(index, 1, ...halves))).toEqual(EXEC_SAID);
      }
    });
    const bytewise = whole.flatMap(({ direction, bytes }) =>
      [...bytes].map((byte) => ({ direction, bytes: Uint8Array.of(byte) })),
    );
    expect(parseAll(createTunnelParser(v5), bytewise)).toEqual(EXEC_SAID);
  });

  test("reads lengths of 16 and of 64 bits", () => {
    for (const length of [125, 126, 65_535, 65_536, 200_000]) {
      const payload = `\x00${"z".repeat(length - 1)}`;
      expect(parseAll(createTunnelParser(v4), [up(clientFrame(payload))]).up).toEqual([
        data("stdin", 0, payload.slice(1)),
      ]);
    }
  });

  test("says a message of text of the client as the server reads it", () => {
    expect(parseAll(createTunnelParser(v4), [up(clientFrame("\x00ls\n", { opcode: 1 }))]).up).toEqual([
      data("stdin", 0, "ls\n"),
    ]);
  });

  test("lets the payload of the server's messages be overwritten in place, and not its channel", () => {
    const sent = webSocketFrame("\x01top secret");
    for (let cut = 0; cut <= sent.length; cut++) {
      const parser = createTunnelParser(v5);
      const frames = [sent.subarray(0, cut), sent.subarray(cut)].flatMap((part) =>
        parser.push("down", Uint8Array.from(part)),
      );
      for (const event of frames.flatMap((frame) => frame.events)) if (event.kind === "data") event.payload.fill(0x2a);
      expect(Buffer.concat(frames.map((frame) => frame.bytes))).toEqual(webSocketFrame("\x01**********"));
    }
  });

  test("keeps nothing of a message of 50 MB back", () => {
    const parser = createTunnelParser(v5);
    const frame = webSocketFrame(Buffer.alloc(50_000_000, 1));
    for (let at = 0; at < frame.length; at += 65_536) {
      parser.push("down", frame.subarray(at, at + 65_536));
      expect(parser.held("down")).toBe(0);
    }
    parser.end("down");
  });

  test("still says what the server writes after its close frame", () => {
    const said = parseAll(createTunnelParser(v5), [
      down(webSocketFrame("", { opcode: 8 }), webSocketFrame("\x01late")),
    ]);
    expect(said.down).toEqual([{ kind: "closing", code: 1005 }, data("stdout", 1, "late")]);
  });

  test.each<[string, Sent[], TunnelOptions]>([
    ["inside a frame", [up(clientFrame("\x00hello").subarray(0, 9))], v5],
    ["inside a head", [up(clientFrame("\x00hello").subarray(0, 3))], v5],
    ["between fragments", [down(webSocketFrame("\x01x", { fin: false }))], v5],
    ["inside a tunnelled SPDY frame", [up(clientFrame(Buffer.from("8003000600", "hex")))], tunnelled],
  ])("says that it was cut off %s", (_where, sent, options) => {
    expect(parseAll(createTunnelParser(options), sent)).toMatchObject({ cut: [sent[0]?.direction] });
  });

  test("reads SPDY wherever messages and fragments cut it", () => {
    const [client, server] = [new SpdyEncoder(HEADER_DICTIONARY), new SpdyEncoder(HEADER_DICTIONARY)];
    const sent = Buffer.concat([
      client.synStream(1, { streamtype: "data", port: "80", requestid: "4" }),
      client.data(1, "request"),
    ]);
    const answer = Buffer.concat([server.synReply(1), server.data(1, "answer", true)]);
    for (let cut = 0; cut <= sent.length; cut++) {
      const [head, tail] = [sent.subarray(0, cut), sent.subarray(cut)];
      const said = parseAll(createTunnelParser(tunnelled), [
        up(
          clientFrame(head),
          clientFrame("", { opcode: 9 }),
          clientFrame(tail, { fin: false }),
          clientFrame("", { opcode: 0 }),
        ),
        down(webSocketFrame(answer)),
      ]);
      expect(said).toEqual({
        up: [{ kind: "opened", channel: "data", stream: 1, port: 80, requestId: 4 }, data("data", 1, "request")],
        down: [data("data", 1, "answer", true)],
      });
    }
  });

  test("lets tunnelled SPDY data of the server be overwritten in place", () => {
    const [client, server] = [new SpdyEncoder(HEADER_DICTIONARY), new SpdyEncoder(HEADER_DICTIONARY)];
    const parser = createTunnelParser(tunnelled);
    parser.push("up", clientFrame(client.synStream(1, { streamtype: "data", port: "80" })));
    const reply = server.synReply(1);
    const message = Uint8Array.from(webSocketFrame(Buffer.concat([reply, server.data(1, "top secret")])));
    const frames = parser.push("down", message);
    for (const event of frames.flatMap((frame) => frame.events)) if (event.kind === "data") event.payload.fill(0x2a);
    const wanted = webSocketFrame(Buffer.concat([reply, server.data(1, "**********")]));
    expect(Buffer.concat(frames.map((frame) => frame.bytes))).toEqual(wanted);
  });

  test("reads the ports of the query as pairs of channels", () => {
    const said = parseAll(createTunnelParser(ports), [
      down(webSocketFrame("\x00\x50\x00"), webSocketFrame("\x01\x50\x00"), webSocketFrame("\x05no such port")),
      up(clientFrame("\x02to 443")),
    ]);
    expect(said.down).toEqual([
      data("data", 0, "\x50\x00"),
      data("error", 1, "\x50\x00"),
      data("error", 5, "no such port"),
    ]);
    expect(said.up).toEqual([data("data", 2, "to 443")]);
  });
});

const SUBPROTOCOLS: [
  protocol: TunnelOptions["protocol"],
  subprotocol: string,
  subresource: TunnelOptions["subresource"],
][] = [
  ["websocket", "base64.channel.k8s.io", "exec"],
  ["websocket", "v4.base64.channel.k8s.io", "attach"],
  ["websocket", "v2.channel.k8s.io", "exec"],
  ["websocket", "v6.channel.k8s.io", "exec"],
  ["websocket", "SPDY/3.1+portforward.k8s.io", "exec"],
  ["websocket", "SPDY/3.1+v4.channel.k8s.io", "exec"],
  ["websocket", "v5.channel.k8s.io", "portforward"],
  ["websocket", "v4.channel.k8s.io", "portforward"],
  ["websocket", "portforward.k8s.io", "portforward"],
  ["SPDY/3.1", "v5.channel.k8s.io", "exec"],
  ["SPDY/3.1", "v4.channel.k8s.io", "portforward"],
  ["SPDY/3.1", "", "portforward"],
];

test.each(SUBPROTOCOLS)("%s with %j is no tunnel for %s", (protocol, subprotocol, subresource) => {
  expect(() => createTunnelParser({ protocol, subprotocol, subresource, query: {} })).toThrow(
    expect.objectContaining({ code: "upgrade-refused" }),
  );
});

/** Bad input: what is sent, and why it is refused. */
const BAD: [title: string, why: RegExp, sent: Sent[], options?: TunnelOptions][] = [
  ["a client's frame that is not masked", /not masked/, [up(webSocketFrame("\x00x"))]],
  ["a server's frame that is masked", /is masked/, [down(clientFrame("\x01x"))]],
  ["RSV1, as permessage-deflate sets it", /reserved bits/, [up(clientFrame("\x00x", { reserved: 0x40 }))]],
  ["RSV2", /reserved bits/, [down(webSocketFrame("\x01x", { reserved: 0x20 }))]],
  ["RSV3 on a control frame", /reserved bits/, [down(webSocketFrame("", { opcode: 9, reserved: 0x10 }))]],
  ...[3, 4, 5, 6, 7, 11, 15].map((opcode): (typeof BAD)[number] => [
    `the reserved opcode ${opcode}`,
    /reserved opcode/,
    [up(clientFrame("\x00x", { opcode }))],
  ]),
  ["a length of 16 bits that 7 would hold", /not minimal/, [up(clientFrame("\x00x", { lengthBytes: 2 }))]],
  [
    "a length of 64 bits that 16 would hold",
    /not minimal/,
    [up(clientFrame(`\x00${"x".repeat(200)}`, { lengthBytes: 8 }))],
  ],
  ["a length with the sign bit", /impossible/, [down(Buffer.from("827f8000000000000001", "hex"))]],
  ["a fragmented ping", /control frame is fragmented/, [up(clientFrame("", { opcode: 9, fin: false }))]],
  ["a pong of 126 bytes", /more than 125/, [down(webSocketFrame("x".repeat(126), { opcode: 10 }))]],
  ["a close frame with half a code", /half a code/, [down(webSocketFrame("\x03", { opcode: 8 }))]],
  ["a frame after the close frame", /after the close/, [up(clientFrame("", { opcode: 8 }), clientFrame("\x00x"))]],
  ["a continuation of nothing", /continues nothing/, [down(webSocketFrame("\x01x", { opcode: 0 }))]],
  [
    "a continuation after the last fragment",
    /continues nothing/,
    [down(webSocketFrame("\x01x"), webSocketFrame("y", { opcode: 0 }))],
  ],
  [
    "a message inside another",
    /inside another/,
    [down(webSocketFrame("\x01x", { fin: false }), webSocketFrame("\x01y"))],
  ],
  [
    "a client's message in fragments, which the server would read as several",
    /fragmented/,
    [up(clientFrame("\x04{", { fin: false }), clientFrame("\x00rm -rf /", { opcode: 0 }))],
  ],
  ["a server's message of text", /text/, [down(webSocketFrame("\x01x", { opcode: 1 }))]],
  ["a channel that there is not", /no channel 5/, [up(clientFrame("\x05x"))]],
  ["a server's close signal", /no channel 255/, [down(webSocketFrame(Uint8Array.of(255, 1)))]],
  ["a close signal before v5", /no channel 255/, [up(clientFrame(Uint8Array.of(255, 0)))], v4],
  ["a close signal of no channel", /names no channel/, [up(clientFrame(Uint8Array.of(255)))]],
  ["a close signal of channel 9", /channel 9/, [up(clientFrame(Uint8Array.of(255, 9)))]],
  ["a close signal with more behind it", /longer/, [up(clientFrame(Uint8Array.of(255, 0, 0)))]],
  ["output that the client sends", /not sent in this direction/, [up(clientFrame("\x01x"))]],
  ["input that the server sends", /not sent in this direction/, [down(webSocketFrame("\x00x"))]],
  ["an error that the client of a port-forward sends", /not sent in this direction/, [up(clientFrame("\x01x"))], ports],
  ["a port that the query does not have", /no channel 6/, [up(clientFrame("\x06x"))], ports],
  ["tunnelled SPDY in text", /text/, [up(clientFrame("x", { opcode: 1 }))], tunnelled],
  [
    "tunnelled bytes that are no SPDY",
    /version/,
    [up(clientFrame(Buffer.from("8002000600000004", "hex")), clientFrame("\0\0\0\x01"))],
    tunnelled,
  ],
];

describe("a WebSocket tunnel refuses", () => {
  test.each(BAD)("%s", (_title, why, sent, options = v5) => {
    const thrown = refusal(options, sent);
    expect(thrown.code).toBe("bad-request");
    expect(thrown.message).toMatch(why);
  });
});
