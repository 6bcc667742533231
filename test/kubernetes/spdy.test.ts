import { describe, expect, test } from "vitest";
import { Refusal } from "../../base/errors.ts";
import { createTunnelParser } from "../../kubernetes/channels/tunnel-parser.ts";
import type { TunnelOptions } from "../../kubernetes/channels/types.ts";
import { HEADER_DICTIONARY } from "../../kubernetes/spdy/dictionary.ts";
import { headerBlock, SPDY_TYPE, SpdyEncoder } from "./spdy-encoder.ts";
import { parseAll, type Sent } from "./tunnel-script.ts";

const exec: TunnelOptions = { protocol: "SPDY/3.1", subprotocol: "v4.channel.k8s.io", subresource: "exec", query: {} };
const forward: TunnelOptions = { ...exec, subprotocol: "portforward.k8s.io", subresource: "portforward" };

const encoder = () => new SpdyEncoder(HEADER_DICTIONARY);
const up = (...frames: Uint8Array[]): Sent => ({ direction: "up", bytes: Buffer.concat(frames) });
const down = (...frames: Uint8Array[]): Sent => ({ direction: "down", bytes: Buffer.concat(frames) });
const data = (channel: string, stream: number, payload: string, fin = false) => ({
  kind: "data",
  channel,
  stream,
  payload,
  fin,
});

/** An exec of `cat` as kubectl runs it. */
function execSession(): Sent[] {
  const client = encoder();
  const server = encoder();
  return [
    up(client.synStream(1, { streamtype: "error" })),
    down(server.synReply(1)),
    up(client.synStream(3, { streamtype: "stdin" }), client.synStream(5, { streamtype: "stdout" })),
    down(server.settings([4, 100]), server.synReply(3), server.synReply(5)),
    up(client.data(1, "", true), client.data(3, "hello"), client.ping(1), client.data(3, "", true)),
    down(server.ping(1), server.data(5, "hello"), server.windowUpdate(3, 5), server.data(5, "", true)),
    down(server.data(1, '{"status":"Success"}', true), server.goAway(5, 0)),
    up(client.reset(5, 5), client.goAway(0, 0)),
  ];
}

const EXEC_SAID = {
  up: [
    { kind: "opened", channel: "error", stream: 1 },
    { kind: "opened", channel: "stdin", stream: 3 },
    { kind: "opened", channel: "stdout", stream: 5 },
    data("error", 1, "", true),
    data("stdin", 3, "hello"),
    data("stdin", 3, "", true),
    { kind: "reset", channel: "stdout", stream: 5, status: 5 },
    { kind: "closing", code: 0 },
  ],
  down: [
    data("stdout", 5, "hello"),
    data("stdout", 5, "", true),
    data("error", 1, '{"status":"Success"}', true),
    { kind: "closing", code: 0 },
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

describe("a SPDY/3.1 tunnel", () => {
  test("says the channels of an exec, and passes every byte", () => {
    expect(parseAll(createTunnelParser(exec), execSession())).toEqual(EXEC_SAID);
  });

  test("is read alike wherever the bytes are cut", () => {
    const whole = execSession();
    whole.forEach((one, index) => {
      for (let cut = 1; cut < one.bytes.length; cut++) {
        const halves = [one.bytes.subarray(0, cut), one.bytes.subarray(cut)].map((bytes) => ({ ...one, bytes }));
        expect(parseAll(createTunnelParser(exec), whole.toSpliced(index, 1, ...halves))).toEqual(EXEC_SAID);
      }
    });
    const bytewise = whole.flatMap(({ direction, bytes }) =>
      [...bytes].map((byte) => ({ direction, bytes: Uint8Array.of(byte) })),
    );
    expect(parseAll(createTunnelParser(exec), bytewise)).toEqual(EXEC_SAID);
  });

  test("names the port and the connection of each forwarded stream", () => {
    const client = encoder();
    const server = encoder();
    const said = parseAll(createTunnelParser(forward), [
      up(client.synStream(1, { streamtype: "error", port: "8080", requestid: "0" }), client.data(1, "", true)),
      down(server.synReply(1)),
      up(client.synStream(3, { streamtype: "data", port: "8080", requestid: "0" })),
      down(server.synReply(3)),
      up(client.data(3, "GET / HTTP/1.1\r\n\r\n")),
      down(server.data(3, "HTTP/1.1 204 No Content\r\n\r\n", true), server.data(1, "", true)),
    ]);
    expect(said.up).toEqual([
      { kind: "opened", channel: "error", stream: 1, port: 8080, requestId: 0 },
      data("error", 1, "", true),
      { kind: "opened", channel: "data", stream: 3, port: 8080, requestId: 0 },
      data("data", 3, "GET / HTTP/1.1\r\n\r\n"),
    ]);
    expect(said.down).toEqual([data("data", 3, "HTTP/1.1 204 No Content\r\n\r\n", true), data("error", 1, "", true)]);
  });

  test("lets the payload of the server's data be overwritten in place", () => {
    const [client, server, parser] = [encoder(), encoder(), createTunnelParser(exec)];
    parser.push("up", client.synStream(1, { streamtype: "stdout" }));
    parser.push("down", server.synReply(1));
    const [head, ...rest] = [server.data(1, "top secret").subarray(0, 12), server.data(1, "top secret").subarray(12)];
    const frames = [head, ...rest].flatMap((part) => parser.push("down", Uint8Array.from(part as Uint8Array)));
    for (const event of frames.flatMap((frame) => frame.events)) if (event.kind === "data") event.payload.fill(0x2a);
    expect(Buffer.concat(frames.map((frame) => frame.bytes))).toEqual(server.data(1, "**********"));
  });

  test("keeps nothing of a data frame of 16 MB back", () => {
    const [client, parser] = [encoder(), createTunnelParser(exec)];
    parser.push("up", client.synStream(1, { streamtype: "stdin" }));
    const frame = client.data(1, new Uint8Array(2 ** 24 - 1));
    let said = 0;
    for (let at = 0; at < frame.length; at += 65536) {
      const chunk = frame.subarray(at, at + 65536);
      for (const { bytes } of parser.push("up", chunk)) said += bytes.length;
      expect(parser.held("up")).toBe(0);
    }
    expect(said).toBe(frame.length);
  });

  test("still says data that was on its way when the other side reset the stream", () => {
    const [client, server] = [encoder(), encoder()];
    const said = parseAll(createTunnelParser(exec), [
      up(client.synStream(1, { streamtype: "stdout" })),
      down(server.synReply(1)),
      up(client.reset(1, 5)),
      down(server.data(1, "late")),
    ]);
    expect(said.down).toEqual([data("stdout", 1, "late")]);
  });

  test("goes on for as many forwarded connections as come after each other", () => {
    const [client, server, parser] = [encoder(), encoder(), createTunnelParser(forward)];
    for (let id = 1; id < 9_000; id += 2) {
      parser.push("up", client.synStream(id, { streamtype: "data", port: "80", requestid: String(id) }));
      parser.push("down", Buffer.concat([server.synReply(id), server.data(id, "x", true)]));
      expect(parser.push("up", client.data(id, "y", true))[0]?.events).toMatchObject([{ stream: id, fin: true }]);
    }
  });

  test("says where an end cut a frame off", () => {
    const opened = up(encoder().synStream(1, { streamtype: "stdin" }));
    const ends: Uint8Array[] = [encoder().ping(1).subarray(0, 11), encoder().data(1, "hello").subarray(0, 9)];
    expect(parseAll(createTunnelParser(exec), [opened])).not.toHaveProperty("cut");
    for (const end of ends)
      expect(parseAll(createTunnelParser(exec), [opened, up(end)])).toMatchObject({ cut: ["up"] });
  });

  test("has the dictionary of SPDY/3, by the checksum that its streams name it with", () => {
    let [low, high] = [1, 0];
    for (const byte of HEADER_DICTIONARY) {
      low = (low + byte) % 65521;
      high = (high + low) % 65521;
    }
    expect(((high << 16) | low) >>> 0).toBe(0xe3c6a7c2);
  });

  test("refuses everything after its first refusal", () => {
    const parser = createTunnelParser(exec);
    expect(() => parser.push("up", encoder().control(5, 0, Buffer.alloc(0)))).toThrow(/unknown type/);
    expect(() => parser.push("up", encoder().ping(1))).toThrow(/unknown type/);
    expect(() => parser.push("down", encoder().ping(2))).toThrow(/unknown type/);
  });
});

const SYN = Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
const stdout = { streamtype: "stdout" };
const synWith = (block: Buffer) => encoder().control(SPDY_TYPE.SYN_STREAM, 0, Buffer.concat([SYN, block]));
const synOf = (headers: [string, string][], count?: number) => synWith(encoder().compress(headerBlock(headers, count)));

/** Bad input: what is sent, after the frames that lead up to it, and why it is refused. */
const BAD: [title: string, why: RegExp, sent: () => Sent[], options?: TunnelOptions][] = [
  [
    "a control frame of another version",
    /version/,
    () => [up(encoder().control(6, 0, Buffer.from([0, 0, 0, 1]), { version: 2 }))],
  ],
  ["a control frame of no known type", /unknown type/, () => [up(encoder().control(10, 0, Buffer.alloc(8)))]],
  ["flags that a frame does not have", /flags/, () => [up(encoder().control(6, 1, Buffer.from([0, 0, 0, 1])))]],
  ["a PING with a bad length", /PING has a bad length/, () => [up(encoder().control(6, 0, Buffer.alloc(8, 1)))]],
  [
    "a RST_STREAM with frames hidden behind its fields",
    /RST_STREAM has a bad length/,
    () => [up(encoder().control(3, 0, Buffer.alloc(40, 1)))],
  ],
  ["a GOAWAY with a bad length", /GOAWAY has a bad length/, () => [up(encoder().control(7, 0, Buffer.alloc(4)))]],
  [
    "a WINDOW_UPDATE with a bad length",
    /WINDOW_UPDATE has a bad length/,
    () => [up(encoder().control(9, 0, Buffer.alloc(7)))],
  ],
  [
    "SETTINGS that state more values than they have",
    /SETTINGS has a bad length/,
    () => [up(encoder().control(4, 0, Buffer.from([0, 0, 0, 9])))],
  ],
  [
    "SETTINGS that state fewer values than they have",
    /SETTINGS has a bad length/,
    () => [up(encoder().control(4, 0, Buffer.alloc(12)))],
  ],
  [
    "a SYN_STREAM too short for its fields",
    /SYN_STREAM has a bad length/,
    () => [up(encoder().control(1, 0, Buffer.alloc(9)))],
  ],
  [
    "a control frame of 16 MB",
    /larger than/,
    () => [up(encoder().control(1, 0, Buffer.alloc(12), { length: 2 ** 24 - 1 }))],
  ],
  ["a PING without an id", /no id/, () => [up(encoder().ping(0))]],
  ["a RST_STREAM without a status", /no status/, () => [up(encoder().synStream(1, stdout), encoder().reset(1, 0))]],
  ["a stream 0", /opened twice|stream 0/, () => [up(encoder().synStream(0, stdout))]],
  ["a stream with the reserved bit set", /reserved bit/, () => [up(encoder().synStream(0x80000001, stdout))]],
  ["a stream of the client with an even id", /order/, () => [up(encoder().synStream(2, stdout))]],
  [
    "a stream that was opened before",
    /opened twice/,
    () => {
      const client = encoder();
      return [up(client.synStream(1, stdout), client.synStream(1, { streamtype: "stderr" }))];
    },
  ],
  [
    "a stream id below the last one",
    /order/,
    () => {
      const client = encoder();
      return [up(client.synStream(3, stdout), client.synStream(1, { streamtype: "stderr" }))];
    },
  ],
  [
    "a second stream of one channel",
    /second SPDY stream/,
    () => {
      const client = encoder();
      return [up(client.synStream(1, stdout), client.synStream(3, stdout))];
    },
  ],
  ["a stream that the server opens", /server opened/, () => [down(encoder().synStream(2, stdout))]],
  ["a reply of the client", /client replied/, () => [up(encoder().synReply(1))]],
  ["a reply to a stream that nobody opened", /nobody opened/, () => [down(encoder().synReply(1))]],
  [
    "a second reply",
    /replied to twice/,
    () => {
      const server = encoder();
      return [up(encoder().synStream(1, stdout)), down(server.synReply(1), server.synReply(1))];
    },
  ],
  ["a reset of a stream that nobody opened", /nobody opened/, () => [down(encoder().reset(7, 5))]],
  ["data of a stream that nobody opened", /not open/, () => [up(encoder().data(1, "x"))]],
  ["data of stream 0", /not open/, () => [up(encoder().data(0, "x"))]],
  [
    "a data frame with flags that are not defined",
    /flags/,
    () => {
      const frame = encoder().data(1, "x");
      frame[4] = 2;
      return [up(encoder().synStream(1, { streamtype: "stdin" }), frame)];
    },
  ],
  [
    "output that the client sends",
    /not sent in this direction/,
    () => [up(encoder().synStream(1, stdout), encoder().data(1, "x"))],
  ],
  [
    "input that the server sends",
    /not sent in this direction/,
    () => [up(encoder().synStream(1, { streamtype: "stdin" })), down(encoder().data(1, "x"))],
  ],
  ["a stream opened after GOAWAY", /after GOAWAY/, () => [up(encoder().goAway(0, 0), encoder().synStream(1, stdout))]],
  ["a stream of no type", /no type/, () => [up(encoder().synStream(1, {}))]],
  ["a stream of an unknown type", /no type/, () => [up(encoder().synStream(1, { streamtype: "stdin\0stdout" }))]],
  [
    "a port-forward stream in an exec",
    /no type/,
    () => [up(encoder().synStream(1, { streamtype: "data", port: "80" }))],
  ],
  ["an exec stream in a port-forward", /no type/, () => [up(encoder().synStream(1, { streamtype: "stdin" }))], forward],
  ["a forwarded stream without a port", /no port/, () => [up(encoder().synStream(1, { streamtype: "data" }))], forward],
  [
    "a forwarded stream to port 65536",
    /no port/,
    () => [up(encoder().synStream(1, { streamtype: "data", port: "65536" }))],
    forward,
  ],
  [
    "a forwarded stream to two ports",
    /no port/,
    () => [up(encoder().synStream(1, { streamtype: "data", port: "80\0" + "81" }))],
    forward,
  ],
  [
    "headers with the dictionary of nobody",
    /dictionary/,
    () => [up(synWith(Buffer.concat([Buffer.from("789c", "hex"), encoder().compress(headerBlock([])).subarray(6)])))],
  ],
  ["headers that are not compressed", /dictionary/, () => [up(synWith(headerBlock([["streamtype", "stdin"]])))]],
  [
    "headers that do not inflate",
    /does not inflate/,
    () => [
      up(
        synWith(
          Buffer.concat([encoder().compress(headerBlock([])).subarray(0, 6), Buffer.from("ffffffff0000ffff", "hex")]),
        ),
      ),
    ],
  ],
  [
    "headers that end their zlib stream",
    /ends its zlib stream/,
    () => {
      const block = encoder().compress(headerBlock([["streamtype", "stdin"]]));
      return [up(synWith(Buffer.concat([block, Buffer.from("010000ffff", "hex"), Buffer.from("000000ffff", "hex")])))];
    },
  ],
  [
    "headers without a flush",
    /flush/,
    () => [
      up(
        synWith(
          encoder()
            .compress(headerBlock([["streamtype", "stdin"]]))
            .subarray(0, -1),
        ),
      ),
    ],
  ],
  [
    "headers whose end looks like a flush inside a stored block",
    /does not inflate/,
    () => {
      const stored = Buffer.from("001400ebff000000000000ffff", "hex");
      return [up(synWith(Buffer.concat([Buffer.from("78bbe3c6a7c2", "hex"), stored])))];
    },
  ],
  [
    "a zlib bomb",
    /inflate to more than/,
    () => [up(synWith(encoder().compress(headerBlock([["streamtype", "x".repeat(1 << 20)]]))))],
  ],
  ["more headers than are there", /cut off/, () => [up(synOf([["streamtype", "stdin"]], 2))]],
  ["fewer headers than are there", /longer than its headers/, () => [up(synOf([["streamtype", "stdin"]], 0))]],
  ["four thousand million headers", /more than 64/, () => [up(synOf([["streamtype", "stdin"]], 0xffffffff))]],
  [
    "a header longer than its block",
    /longer than its block/,
    () => [up(synWith(encoder().compress(Buffer.from("000000017fffffff00", "hex"))))],
  ],
  [
    "a header twice",
    /repeated/,
    () => [
      up(
        synOf([
          ["streamtype", "stdin"],
          ["streamtype", "stdout"],
        ]),
      ),
    ],
  ],
  ["a header in upper case", /lower case/, () => [up(synOf([["streamType", "stdin"]]))]],
  ["a header whose name is not of ASCII", /ASCII/, () => [up(synOf([["streamtyp\u00e4", "stdin"]]))]],
  ["a header without a name", /empty/, () => [up(synOf([["", "stdin"]]))]],
];

describe("a SPDY/3.1 tunnel refuses", () => {
  test.each(BAD)("%s", (_title, why, sent, options = exec) => {
    const thrown = refusal(options, sent());
    expect(thrown.code).toBe("bad-request");
    expect(thrown.message).toMatch(why);
  });

  test("more streams than it keeps count of", () => {
    const [client, parser] = [encoder(), createTunnelParser(forward)];
    expect(() => {
      for (let id = 1; id < 10_000; id += 2)
        parser.push("up", client.synStream(id, { streamtype: "data", port: "80" }));
    }).toThrow(/more than 4096 SPDY streams/);
  });
});
