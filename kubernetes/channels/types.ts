/** `up` runs from the client to the API server, `down` back. */
export type Direction = "up" | "down";

/** What a stream of exec, attach (all but `data`) or port-forward (`data` and `error`) carries. */
export type ChannelName = "stdin" | "stdout" | "stderr" | "error" | "resize" | "data";

/**
 * Payload of a channel. A frame of the wire that is large, or that arrives in parts, is said in several of
 * these, so that no payload is ever gathered: `first` and `last` mark its ends.
 */
export interface ChannelFrame {
  readonly kind: "data";
  readonly channel: ChannelName;
  /** SPDY: the stream's id. WebSocket: the channel byte. Port-forward has many streams of one channel name. */
  readonly stream: number;
  /**
   * Bytes of the channel; may be empty. Down: a view into `ParsedFrame.bytes`, so that overwriting it, at the
   * same length, rewrites what is forwarded. Up: read only, and over WebSocket an unmasked copy, no view.
   */
  readonly payload: Uint8Array;
  readonly first: boolean;
  readonly last: boolean;
  /** The sender sends no more on this stream. Only ever true beside `last`. */
  readonly fin: boolean;
}

/** A stream begins. Over WebSocket the streams of exec and attach are there from the start, and none of these is said. */
export interface StreamOpened {
  readonly kind: "opened";
  readonly channel: ChannelName;
  readonly stream: number;
  /** Port-forward: the port of the pod, and the number of the forwarded connection (its data and error streams share it). */
  readonly port?: number;
  readonly requestId?: number;
}

/** A stream ends at once, in both directions (SPDY's RST_STREAM). */
export interface StreamReset {
  readonly kind: "reset";
  readonly channel: ChannelName;
  readonly stream: number;
  /** The status code of RST_STREAM: 5 is CANCEL, 1 PROTOCOL_ERROR. */
  readonly status: number;
}

/** The sender means to end the whole tunnel: SPDY's GOAWAY, WebSocket's close frame. */
export interface TunnelClosing {
  readonly kind: "closing";
  /** WebSocket: the close code, 1005 where the frame has none. SPDY: the status of GOAWAY. */
  readonly code: number;
}

export type TunnelEvent = ChannelFrame | StreamOpened | StreamReset | TunnelClosing;

/**
 * A piece of what stands on the wire, to be forwarded in its order: the `bytes` of all pieces of a direction
 * are exactly what was pushed. A piece is a whole frame, or a part of a data frame (its header, then slices of
 * its payload as they arrive).
 */
export interface ParsedFrame {
  /** Mostly views into the pushed chunk: the chunk belongs to the parser's caller, who must not reuse it before they are sent. */
  readonly bytes: Uint8Array;
  /** What the piece says, in order. Empty for frames that carry nothing of a channel (ping, settings, replies). */
  readonly events: readonly TunnelEvent[];
}

/**
 * Reads both directions of one upgraded connection on the side. Synchronous; keeps no payload back, only a
 * frame header, or a control frame, that is not complete (at most CONTROL_FRAME_LIMIT bytes a direction).
 *
 * `push` throws Refusal `bad-request` for what is malformed, or is sent where the protocol doesn't allow it;
 * what came before it in the same chunk is not said then. After that the parser refuses everything: the tunnel closes.
 */
export interface TunnelParser {
  push(direction: Direction, chunk: Uint8Array): ParsedFrame[];
  /**
   * The direction ended: whether it did so between frames. A kubectl of 1.27 exits in the middle of the frames with
   * which it says goodbye, so that a client which cuts one off is nothing unusual.
   */
  end(direction: Direction): boolean;
  /** Bytes of a direction that were pushed and are in no piece yet. */
  held(direction: Direction): number;
}

export interface TunnelOptions {
  /** What the upstream switched to: `SPDY/3.1`, or `websocket`. */
  protocol: "SPDY/3.1" | "websocket";
  /**
   * What the upstream chose: X-Stream-Protocol-Version (SPDY) or Sec-WebSocket-Protocol (websocket) of its 101;
   * "" where it sent none (the first version of the SPDY protocols).
   */
  subprotocol: string;
  subresource: "exec" | "attach" | "portforward";
  query: Readonly<Record<string, string[]>>;
}
