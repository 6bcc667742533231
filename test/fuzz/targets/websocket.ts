import { createTunnelParser } from "../../../kubernetes/channels/tunnel-parser.ts";
import type { ChannelName, Direction, TunnelOptions } from "../../../kubernetes/channels/types.ts";
import type { Said, Sent } from "../../kubernetes/tunnel-script.ts";
import { webSocketFrame } from "../../kubernetes/websocket-encoder.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";
import { noise, recordedSessions, runTunnelCases, type TunnelCase, withDefect } from "../tunnel-case.ts";
import { spdySession } from "./spdy.ts";

const V5: TunnelOptions = { protocol: "websocket", subprotocol: "v5.channel.k8s.io", subresource: "exec", query: {} };
const TUNNELLED: TunnelOptions = { ...V5, subprotocol: "SPDY/3.1+portforward.k8s.io", subresource: "portforward" };
const seeds = recordedSessions("websocket");

const CHANNELS: Record<Direction, [ChannelName, number][]> = {
  up: [
    ["stdin", 0],
    ["resize", 4],
  ],
  down: [
    ["stdout", 1],
    ["stderr", 2],
    ["error", 3],
  ],
};
const LENGTHS = [0, 1, 2, 3, 4, 5, 123, 124, 125, 126, 127, 300];
const key = (random: Random, direction: Direction) => (direction === "up" ? random.bytes(4) : undefined);

/** Control frames, which may stand between any two frames. */
function interruptions(random: Random, direction: Direction): Buffer[] {
  if (!random.chance(0.2)) return [];
  const payload = noise(random, random.pick([0, 4, 125]));
  return [webSocketFrame(payload, { opcode: random.pick([9, 10]), key: key(random, direction) })];
}

/** A message, in fragments where its direction may have them. */
function message(random: Random, direction: Direction, payload: Uint8Array, fragmented: boolean): Buffer {
  const frames: Buffer[] = [];
  const parts = fragmented ? 1 + random.below(3) : 1;
  let at = 0;
  for (let part = 1; part <= parts; part++) {
    const end = part === parts ? payload.length : at + random.below(payload.length - at + 1);
    const opcode = part === 1 ? 2 : 0;
    frames.push(
      webSocketFrame(payload.subarray(at, end), { fin: part === parts, opcode, key: key(random, direction) }),
    );
    frames.push(...interruptions(random, direction));
    at = end;
  }
  return Buffer.concat(frames);
}

function execSession(random: Random): TunnelCase {
  const sent: Sent[] = [];
  const said: Record<Direction, Said[]> = { up: [], down: [] };
  for (let messages = 1 + random.below(8); messages > 0; messages--) {
    const direction = random.pick(["up", "down"] as const);
    if (direction === "up" && random.chance(0.1)) {
      sent.push({ direction, bytes: message(random, direction, Uint8Array.of(255, 0), false) });
      said.up.push({ kind: "data", channel: "stdin", stream: 0, payload: "", fin: true });
      continue;
    }
    const [channel, stream] = random.pick(CHANNELS[direction]);
    const length = random.chance(0.01) ? 65_530 + random.below(7) : random.pick(LENGTHS);
    const payload = Buffer.from(noise(random, length));
    const bytes = message(random, direction, Buffer.concat([Uint8Array.of(stream), payload]), direction === "down");
    sent.push({ direction, bytes });
    said[direction].push({ kind: "data", channel, stream, payload: payload.toString("latin1"), fin: false });
  }
  if (random.chance(0.3)) {
    const code = random.pick([1000, 1001, 1011]);
    const direction = random.pick(["up", "down"] as const);
    const payload = Buffer.concat([Buffer.from([code >> 8, code & 255]), random.bytes(random.below(20))]);
    sent.push({ direction, bytes: webSocketFrame(payload, { opcode: 8, key: key(random, direction) }) });
    said[direction].push({ kind: "closing", code });
  }
  return { options: V5, sent, said };
}

/** SPDY's bytes, cut into messages anywhere. */
function tunnelledSession(random: Random): TunnelCase {
  const inner = spdySession(random, true);
  const sent = inner.sent.map(({ direction, bytes }) => {
    const at = random.below(bytes.length + 1);
    const messages = [bytes.subarray(0, at), bytes.subarray(at)].map((part) => message(random, direction, part, true));
    return { direction, bytes: Buffer.concat(messages) };
  });
  return { options: TUNNELLED, sent, said: inner.said };
}

function generate(random: Random): TunnelCase {
  if (random.chance(0.2)) return { ...random.pick(seeds) };
  return random.chance(0.7) ? execSession(random) : tunnelledSession(random);
}

/** Only a parser that turns the masking key gets this right. */
function wrongAfterFirst(payload: Uint8Array): Uint8Array {
  const wrong = Uint8Array.from(payload);
  wrong[0] = (wrong[0] ?? 0) ^ 0x20;
  return wrong;
}

/** WebSocket as an encoder of its own writes it, and as kubectl 1.31 to 1.36 does. */
const websocket: FuzzTarget = {
  name: "websocket",
  plant: "the first byte of a masked slice that does not begin its frame is unmasked wrongly",
  async open({ planted }) {
    const create = (options: TunnelOptions) => {
      const parser = createTunnelParser(options);
      if (!planted) return parser;
      return withDefect(parser, (event, direction) => {
        if (event.kind !== "data" || direction !== "up" || event.first || event.payload.length === 0) return [event];
        return [{ ...event, payload: wrongAfterFirst(event.payload) }];
      });
    };
    return { run: async (cases, seed) => runTunnelCases(create, generate, cases, seed), close: async () => {} };
  },
};
export default websocket;
