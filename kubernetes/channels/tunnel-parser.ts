import { Refusal, toRefusal } from "../../base/errors.ts";
import { SpdyReader } from "../spdy/reader.ts";
import { SpdyStreams } from "../spdy/streams.ts";
import { ChannelMessages } from "../websocket/channel-messages.ts";
import { WebSocketReader } from "../websocket/reader.ts";
import { SpdyMessages } from "../websocket/spdy-messages.ts";
import type { DirectionReader } from "./direction-reader.ts";
import { type TunnelProtocol, tunnelProtocol } from "./protocols.ts";
import type { Direction, TunnelOptions, TunnelParser } from "./types.ts";

type Readers = Record<Direction, DirectionReader>;

/**
 * The parser of a tunnel that the upstream has switched to. Throws Refusal `upgrade-refused` where what it
 * chose cannot be read (`tunnelProtocol`).
 */
export function createTunnelParser(options: TunnelOptions): TunnelParser {
  const protocol = tunnelProtocol(options);
  if (protocol === undefined) {
    throw new Refusal("upgrade-refused", `the gateway cannot read ${options.protocol} with this subprotocol`, {
      next: "Use a kubectl of 1.27 or newer.",
    });
  }
  const readers = readersOf(protocol, options.subresource);
  let failure: Refusal | undefined;
  const guarded = <T>(read: () => T): T => {
    if (failure !== undefined) throw failure;
    try {
      return read();
    } catch (error) {
      failure = toRefusal(error);
      throw failure;
    }
  };
  return {
    push: (direction, chunk) => guarded(() => readers[direction].push(chunk)),
    end: (direction) => readers[direction].end(),
    held: (direction) => readers[direction].held,
  };
}

function readersOf(protocol: TunnelProtocol, subresource: TunnelOptions["subresource"]): Readers {
  if (protocol.kind === "channels") {
    const reader = (direction: Direction) => new WebSocketReader(direction, new ChannelMessages(protocol, direction));
    return { up: reader("up"), down: reader("down") };
  }
  const streams = new SpdyStreams(subresource);
  const spdy = { up: new SpdyReader("up", streams), down: new SpdyReader("down", streams) };
  if (protocol.kind === "spdy") return spdy;
  return {
    up: new WebSocketReader("up", new SpdyMessages(spdy.up)),
    down: new WebSocketReader("down", new SpdyMessages(spdy.down)),
  };
}
