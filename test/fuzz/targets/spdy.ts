import { createTunnelParser } from "../../../kubernetes/channels/tunnel-parser.ts";
import type { ChannelName, Direction, TunnelOptions } from "../../../kubernetes/channels/types.ts";
import { HEADER_DICTIONARY } from "../../../kubernetes/spdy/dictionary.ts";
import { SpdyEncoder } from "../../kubernetes/spdy-encoder.ts";
import type { Said, Sent } from "../../kubernetes/tunnel-script.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";
import { noise, recordedSessions, runTunnelCases, type TunnelCase, withDefect } from "../tunnel-case.ts";

const EXEC: TunnelOptions = { protocol: "SPDY/3.1", subprotocol: "v4.channel.k8s.io", subresource: "exec", query: {} };
const FORWARD: TunnelOptions = { ...EXEC, subprotocol: "portforward.k8s.io", subresource: "portforward" };
const seeds = recordedSessions("SPDY/3.1");

/** Which way a channel carries payload. */
const WAYS: Record<ChannelName, Direction[]> = {
  stdin: ["up"],
  resize: ["up"],
  stdout: ["down"],
  stderr: ["down"],
  error: ["down"],
  data: ["up", "down"],
};
const ENCODINGS: readonly ChannelName[][] = [
  ["error", "stdout"],
  ["error", "stdin", "stdout", "stderr"],
  ["stdin", "stdout", "resize", "error"],
];

/** Writes one session frame by frame, and notes what each means. */
export class SpdySession {
  readonly sent: Sent[] = [];
  readonly said: Record<Direction, Said[]> = { up: [], down: [] };
  private readonly random: Random;
  private readonly encoders: Record<Direction, SpdyEncoder>;
  private readonly open: { id: number; channel: ChannelName }[] = [];
  private id = 1;

  constructor(random: Random) {
    this.random = random;
    // Compressing costs three times what all the rest does.
    const encoder = () => new SpdyEncoder(HEADER_DICTIONARY, () => random.chance(0.9));
    this.encoders = { up: encoder(), down: encoder() };
  }

  begin(channel: ChannelName, port?: number): void {
    const { random, id } = this;
    const requestId = port !== undefined && random.chance(0.9) ? random.below(1000) : undefined;
    const headers: [string, string][] = [["streamtype", channel]];
    if (port !== undefined) headers.push(["port", String(port)]);
    if (requestId !== undefined) headers.push(["requestid", String(requestId)]);
    if (random.chance(0.1)) headers.push(["x-other", "y".repeat(random.below(300))]);
    if (random.chance(0.3)) headers.reverse();
    this.send("up", this.encoders.up.synStream(id, Object.fromEntries(headers)));
    this.said.up.push({
      kind: "opened",
      channel,
      stream: id,
      ...(port === undefined ? {} : { port }),
      ...(requestId === undefined ? {} : { requestId }),
    });
    if (random.chance(0.9)) this.send("down", this.encoders.down.synReply(id));
    this.open.push({ id, channel });
    this.id += 2 * (1 + random.below(3));
  }

  step(): void {
    const { random, encoders } = this;
    const direction = random.pick(["up", "down"] as const);
    const encoder = encoders[direction];
    const kind = random.below(12);
    if (kind === 0) this.send(direction, encoder.ping(1 + random.below(1000)));
    else if (kind === 1) this.send(direction, encoder.settings([4, random.below(100)], [7, 65_536]));
    else if (kind === 2)
      this.send(direction, encoder.windowUpdate(random.pick([0, random.pick(this.open).id]), 70_000));
    else if (kind === 3 && random.chance(0.2)) this.reset(direction);
    else if (kind === 4 && random.chance(0.1)) this.goAway(direction);
    else this.data(direction);
  }

  private data(direction: Direction): void {
    const { random } = this;
    const stream = random.pick(this.open);
    const carries = WAYS[stream.channel].includes(direction);
    const length = carries ? random.pick([0, 1, 7, 8, 9, random.below(100), random.below(2000)]) : 0;
    const payload = Buffer.from(noise(random, length));
    const fin = random.chance(0.1);
    this.send(direction, this.encoders[direction].data(stream.id, payload, fin));
    const { channel, id } = stream;
    this.said[direction].push({ kind: "data", channel, stream: id, payload: payload.toString("latin1"), fin });
  }

  private reset(direction: Direction): void {
    const { id, channel } = this.random.pick(this.open);
    const status = 1 + this.random.below(11);
    this.send(direction, this.encoders[direction].reset(id, status));
    this.said[direction].push({ kind: "reset", channel, stream: id, status });
  }

  private goAway(direction: Direction): void {
    const code = this.random.below(3);
    this.send(direction, this.encoders[direction].goAway(1, code));
    this.said[direction].push({ kind: "closing", code });
  }

  private send(direction: Direction, bytes: Uint8Array): void {
    const last = this.sent.at(-1);
    if (last?.direction === direction && this.random.chance(0.5)) last.bytes = Buffer.concat([last.bytes, bytes]);
    else this.sent.push({ direction, bytes });
  }
}

/** A session of exec, or with `forward` of port-forward, from nothing but SPDY's own text. */
export function spdySession(random: Random, forward: boolean): Omit<TunnelCase, "options"> {
  const session = new SpdySession(random);
  const port = forward ? 1 + random.below(65_535) : undefined;
  const channels = forward ? (["error", "data"] as ChannelName[]) : random.pick(ENCODINGS);
  for (const channel of channels) session.begin(channel, port);
  for (let steps = random.below(12); steps > 0; steps--) session.step();
  return { sent: session.sent, said: session.said };
}

function generate(random: Random): TunnelCase {
  if (random.chance(0.2)) return { ...random.pick(seeds) };
  const forward = random.chance(0.4);
  return { options: forward ? FORWARD : EXEC, ...spdySession(random, forward) };
}

/** SPDY/3.1 as an encoder of its own writes it, and as kubectl 1.27 to 1.29 does. */
const spdy: FuzzTarget = {
  name: "spdy",
  plant: "of a data frame that comes in three parts, the middle one is said twice",
  async open({ planted }) {
    const create = (options: TunnelOptions) => {
      const parser = createTunnelParser(options);
      if (!planted) return parser;
      return withDefect(parser, (event) =>
        event.kind === "data" && !event.first && !event.last ? [event, event] : [event],
      );
    };
    return { run: async (cases, seed) => runTunnelCases(create, generate, cases, seed), close: async () => {} };
  },
};
export default spdy;
