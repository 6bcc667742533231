import { describe, expect, test } from "vitest";
import { KnownValues } from "../../engine/mask/known-values.ts";
import { createStreamRedactor } from "../../engine/mask/redact-stream.ts";
import { ExitChannel, parseExitStatus } from "../../kubernetes/channels/exit.ts";
import { TunnelRedactor, WAITING_LIMIT } from "../../kubernetes/channels/redact.ts";
import { createTunnelParser } from "../../kubernetes/channels/tunnel-parser.ts";
import { HEADER_DICTIONARY } from "../../kubernetes/spdy/dictionary.ts";
import { SpdyEncoder } from "./spdy-encoder.ts";
import { webSocketFrame } from "./websocket-encoder.ts";

const SECRET = "hunter2-hunter2";
const STARS = "*".repeat(SECRET.length);

function redactor(): TunnelRedactor {
  const known = new KnownValues();
  known.add(SECRET);
  return new TunnelRedactor(() => createStreamRedactor(known));
}

const parser = () =>
  createTunnelParser({ protocol: "websocket", subprotocol: "v5.channel.k8s.io", subresource: "exec", query: {} });

describe("a tunnel's output", () => {
  test("loses a known value wherever frames and chunks cut it, and keeps its frames", () => {
    const text = `password=${SECRET}\n`;
    for (let cut = 1; cut < text.length; cut++) {
      const frames = (one: string) => [
        webSocketFrame(`\x01${one.slice(0, cut)}`),
        webSocketFrame("\x02unrelated"),
        webSocketFrame("", { opcode: 9 }),
        webSocketFrame(`\x01${one.slice(cut)}`),
        webSocketFrame('\x03{"status":"Success"}'),
      ];
      const sent = Buffer.concat(frames(text));
      for (const chunk of [1, 7, sent.length]) {
        const [reader, redact] = [parser(), redactor()];
        const out: Uint8Array[] = [];
        for (let at = 0; at < sent.length; at += chunk) {
          out.push(...redact.push(reader.push("down", Uint8Array.from(sent.subarray(at, at + chunk)))));
        }
        out.push(...redact.flush());
        expect(Buffer.concat(out)).toEqual(Buffer.concat(frames(`password=${STARS}\n`)));
        expect(redact.held).toBe(0);
      }
    }
  });

  test("loses a known value in a SPDY stream, before the frame that ends it goes out", () => {
    const [client, server] = [new SpdyEncoder(HEADER_DICTIONARY), new SpdyEncoder(HEADER_DICTIONARY)];
    const spdy = createTunnelParser({
      protocol: "SPDY/3.1",
      subprotocol: "portforward.k8s.io",
      subresource: "portforward",
      query: {},
    });
    const redact = redactor();
    spdy.push("up", client.synStream(1, { streamtype: "data", port: "80" }));
    redact.push(spdy.push("down", server.synReply(1)));
    const out = [
      server.data(1, SECRET.slice(0, 9)),
      server.data(1, SECRET.slice(9)),
      server.data(1, "hunter2", true),
    ].map((bytes) => Buffer.concat(redact.push(spdy.push("down", Uint8Array.from(bytes)))));
    expect(out).toEqual([
      Buffer.alloc(0),
      Buffer.concat([server.data(1, STARS.slice(0, 9)), server.data(1, STARS.slice(9))]),
      server.data(1, "hunter2", true),
    ]);
  });

  test("waits only where a value may have begun", () => {
    const [reader, redact] = [parser(), redactor()];
    const push = (payload: string) =>
      Buffer.concat(redact.push(reader.push("down", Uint8Array.from(webSocketFrame(payload)))));
    expect(push("\x01plain output")).toEqual(webSocketFrame("\x01plain output"));
    expect(push("\x01prompt h")).toEqual(Buffer.alloc(0));
    expect(redact.held).toBe(11);
    expect(Buffer.concat(redact.flush())).toEqual(webSocketFrame("\x01prompt h"));
    expect(push(`\x01${SECRET.slice(1)}!`)).toEqual(webSocketFrame(`\x01${STARS.slice(1)}!`));
  });

  test("is not held up by a stream that paused inside what may be a value", () => {
    const [reader, redact] = [parser(), redactor()];
    let sent = 0;
    const push = (payload: Uint8Array | string) => {
      const frame = Uint8Array.from(webSocketFrame(payload));
      sent += frame.length;
      return redact.push(reader.push("down", frame));
    };
    push("\x01h");
    const full = Buffer.alloc(65_536, "x");
    full[0] = 2;
    let out = 0;
    while (out === 0 && sent <= 2 * WAITING_LIMIT) for (const bytes of push(full)) out += bytes.length;
    expect(out).toBe(sent);
  });

  test("is left alone where a stream has no redactor", () => {
    const [reader, redact] = [parser(), new TunnelRedactor(() => undefined)];
    const frame = webSocketFrame(`\x01${SECRET}`);
    expect(Buffer.concat(redact.push(reader.push("down", frame)))).toEqual(frame);
  });
});

const failure = (causes: unknown, reason = "NonZeroExitCode") =>
  JSON.stringify({ status: "Failure", reason, message: "it ended", details: { causes } });

const STATUSES: [title: string, text: string, code: number | undefined][] = [
  ["success", '{"metadata":{},"status":"Success"}', 0],
  ["exit code 3", failure([{ reason: "ExitCode", message: "3" }]), 3],
  [
    "exit code 255, after another cause",
    failure([
      { reason: "x", message: "1" },
      { reason: "ExitCode", message: "255" },
    ]),
    255,
  ],
  ["exit code 256, which there is not", failure([{ reason: "ExitCode", message: "256" }]), undefined],
  ["an exit code that is none", failure([{ reason: "ExitCode", message: "0x1" }]), undefined],
  ["an exit code of another reason", failure([{ reason: "ExitCode", message: "3" }], "InternalError"), undefined],
  ["a failure without causes", '{"status":"Failure","reason":"NonZeroExitCode","message":"it ended"}', undefined],
  ["causes that are none", failure({ reason: "ExitCode" }), undefined],
  ["a cause that is null", failure([null]), undefined],
  ["a sentence, as before v4", "error executing remote command: container not found", undefined],
  ["JSON that is no Status", "[3]", undefined],
  ["JSON null", "null", undefined],
];

describe("the error channel", () => {
  test.each(STATUSES)("says %s", (_title, text, code) => {
    expect(parseExitStatus(text).code).toBe(code);
  });

  test("is read across its frames, and says nothing where nothing came", () => {
    const channel = new ExitChannel();
    expect(channel.status()).toBeUndefined();
    const text = failure([{ reason: "ExitCode", message: "42" }]);
    for (const byte of Buffer.from(text)) channel.push(Uint8Array.of(byte));
    expect(channel.status()).toEqual({ code: 42, reason: "NonZeroExitCode", message: "it ended" });
  });

  test("is not kept beyond 64 KiB", () => {
    const channel = new ExitChannel();
    for (let index = 0; index < 100; index++) channel.push(Buffer.alloc(1000, "x"));
    expect(channel.status()?.message.length).toBe(65_536);
  });
});
