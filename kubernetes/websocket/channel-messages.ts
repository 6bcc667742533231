import { malformed } from "../channels/malformed.ts";
import { maySend } from "../channels/sendable.ts";
import type { ChannelName, Direction, TunnelEvent } from "../channels/types.ts";
import type { PayloadReader } from "./payload-reader.ts";

/** The channel byte of v5.channel.k8s.io that closes the channel whose number follows (KEP-4006). */
const CLOSE_SIGNAL = 255;
const NO_BYTES = new Uint8Array(0);

export interface Channels {
  /** By channel byte. */
  readonly names: readonly ChannelName[];
  /** From v5 the client can end a channel. */
  readonly closable: boolean;
}

interface Channel {
  readonly name: ChannelName;
  readonly stream: number;
}

/** Messages of `*.channel.k8s.io`: a byte that names the channel, then its payload. */
export class ChannelMessages implements PayloadReader {
  /**
   * Upwards no fragments: the API server and the kubelet read channels with x/net/websocket, which takes each
   * fragment for a message of its own, and its first byte for a channel. What they get would not be what we,
   * and RFC 6455, read. No client of Kubernetes sends any.
   */
  readonly fragments: boolean;
  /** They take text for binary as well; clients downwards refuse it. */
  readonly text: boolean;
  private readonly channels: Channels;
  private readonly direction: Direction;
  /** What the message that is being read is for. */
  private target: Channel | "close" | "closed" | undefined;
  private said = false;

  constructor(channels: Channels, direction: Direction) {
    this.channels = channels;
    this.direction = direction;
    this.fragments = direction === "down";
    this.text = direction === "up";
  }

  read(payload: Uint8Array, last: boolean): readonly TunnelEvent[] {
    let rest = payload;
    const [byte] = payload;
    if (this.target === undefined && byte !== undefined) {
      this.target = this.named(byte);
      this.said = false;
      rest = payload.subarray(1);
    }
    const { target } = this;
    if (last) this.target = undefined;
    // An empty message, or one whose first fragment is empty.
    if (target === undefined) return [];
    return typeof target === "string" ? this.readClose(rest, target, last) : this.readData(rest, target, last);
  }

  end(): boolean {
    return true;
  }

  private named(byte: number): Channel | "close" {
    if (byte === CLOSE_SIGNAL && this.channels.closable && this.direction === "up") return "close";
    const name = this.channels.names[byte];
    if (name === undefined) return malformed(`there is no channel ${byte}`);
    return { name, stream: byte };
  }

  private readData(payload: Uint8Array, channel: Channel, last: boolean): TunnelEvent[] {
    if (payload.length === 0 && !last) return [];
    if (payload.length > 0 && !maySend(channel.name, this.direction))
      malformed(`${channel.name} is not sent in this direction`);
    const first = !this.said;
    this.said = true;
    return [{ kind: "data", channel: channel.name, stream: channel.stream, payload, first, last, fin: false }];
  }

  /** Two bytes: the signal, and the channel that it ends. */
  private readClose(rest: Uint8Array, state: "close" | "closed", last: boolean): TunnelEvent[] {
    const [byte] = rest;
    if (byte === undefined) return last && state === "close" ? malformed("a close signal names no channel") : [];
    if (state === "closed" || rest.length > 1) malformed("a close signal is longer than its channel");
    const name = this.channels.names[byte];
    if (name === undefined) return malformed(`a close signal names channel ${byte}, which there is not`);
    if (!last) this.target = "closed";
    return [{ kind: "data", channel: name, stream: byte, payload: NO_BYTES, first: true, last: true, fin: true }];
  }
}
