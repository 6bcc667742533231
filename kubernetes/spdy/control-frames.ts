import { malformed } from "../channels/malformed.ts";
import type { Direction, TunnelEvent } from "../channels/types.ts";
import { parseHeaderBlock } from "./header-block.ts";
import type { HeaderInflater } from "./inflate-headers.ts";
import type { SpdyStream, SpdyStreams } from "./streams.ts";

const FIN = 0x01;
const UNIDIRECTIONAL = 0x02;
const HEADER = 8;

/** What the frames of one direction are read with. */
export interface ControlContext {
  readonly direction: Direction;
  readonly streams: SpdyStreams;
  readonly inflater: HeaderInflater;
  goneAway: boolean;
}

interface ControlFrame {
  readonly flags: number;
  /** After the header of 8 bytes. */
  readonly body: Uint8Array;
  readonly view: DataView;
}

interface ControlType {
  readonly name: string;
  readonly flags: number;
  readonly length: (body: ControlFrame) => boolean;
  readonly read: (context: ControlContext, frame: ControlFrame) => TunnelEvent[];
}

const exactly = (length: number) => (frame: ControlFrame) => frame.body.length === length;
const atLeast = (length: number) => (frame: ControlFrame) => frame.body.length >= length;
const nothing = (): TunnelEvent[] => [];

/**
 * SPDY draft 3.1, section 2.6. Lengths are exact: spdystream reads the fixed fields of a frame whatever length it
 * states, and would take what is left over as frames of their own.
 */
const TYPES: ReadonlyMap<number, ControlType> = new Map([
  [1, { name: "SYN_STREAM", flags: FIN | UNIDIRECTIONAL, length: atLeast(10), read: synStream }],
  [2, { name: "SYN_REPLY", flags: FIN, length: atLeast(4), read: synReply }],
  [3, { name: "RST_STREAM", flags: 0, length: exactly(8), read: rstStream }],
  [4, { name: "SETTINGS", flags: 1, length: isSettings, read: nothing }],
  [6, { name: "PING", flags: 0, length: exactly(4), read: ping }],
  [7, { name: "GOAWAY", flags: 0, length: exactly(8), read: goAway }],
  [8, { name: "HEADERS", flags: FIN, length: atLeast(4), read: moreHeaders }],
  [9, { name: "WINDOW_UPDATE", flags: 0, length: exactly(8), read: windowUpdate }],
]);

/** Reads one whole control frame. Throws Refusal for one that is malformed or out of place. */
export function readControlFrame(context: ControlContext, bytes: Uint8Array): TunnelEvent[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if ((view.getUint16(0) & 0x7fff) !== 3) malformed("a SPDY frame is of another version than 3");
  const type = TYPES.get(view.getUint16(2));
  if (type === undefined) malformed("a SPDY control frame is of an unknown type");
  const frame: ControlFrame = {
    flags: view.getUint8(4),
    body: bytes.subarray(HEADER),
    view: new DataView(bytes.buffer, bytes.byteOffset + HEADER, bytes.byteLength - HEADER),
  };
  if ((frame.flags & ~type.flags) !== 0) malformed(`a SPDY ${type.name} has flags that are not defined`);
  if (!type.length(frame)) malformed(`a SPDY ${type.name} has a bad length`);
  return type.read(context, frame);
}

function streamId(frame: ControlFrame): number {
  const id = frame.view.getUint32(0);
  if (id === 0 || id > 0x7fffffff) malformed("a SPDY frame names stream 0, or sets a reserved bit");
  return id;
}

function synStream(context: ControlContext, frame: ControlFrame): TunnelEvent[] {
  if (context.direction === "down") malformed("the server opened a SPDY stream");
  if (context.goneAway) malformed("a SPDY stream was opened after GOAWAY");
  const headers = parseHeaderBlock(context.inflater.inflate(frame.body.subarray(10)));
  const stream = context.streams.open(streamId(frame), headers);
  const { id, channel, port, requestId } = stream;
  if ((frame.flags & UNIDIRECTIONAL) !== 0) context.streams.finish(stream, "down");
  return [
    {
      kind: "opened",
      channel,
      stream: id,
      ...(port === undefined ? {} : { port }),
      ...(requestId === undefined ? {} : { requestId }),
    },
    ...finished(context, frame, stream),
  ];
}

function synReply(context: ControlContext, frame: ControlFrame): TunnelEvent[] {
  if (context.direction === "up") malformed("the client replied to a SPDY stream");
  parseHeaderBlock(context.inflater.inflate(frame.body.subarray(4)));
  const stream = knownStream(context, frame);
  if (stream === undefined) return [];
  if (stream.replied) malformed(`SPDY stream ${stream.id} was replied to twice`);
  stream.replied = true;
  return finished(context, frame, stream);
}

function moreHeaders(context: ControlContext, frame: ControlFrame): TunnelEvent[] {
  parseHeaderBlock(context.inflater.inflate(frame.body.subarray(4)));
  const stream = knownStream(context, frame);
  return stream === undefined ? [] : finished(context, frame, stream);
}

function rstStream(context: ControlContext, frame: ControlFrame): TunnelEvent[] {
  const status = frame.view.getUint32(4);
  if (status === 0) malformed("a SPDY RST_STREAM has no status");
  const stream = knownStream(context, frame);
  if (stream === undefined) return [];
  context.streams.end(stream);
  return [{ kind: "reset", channel: stream.channel, stream: stream.id, status }];
}

function isSettings(frame: ControlFrame): boolean {
  return frame.body.length >= 4 && frame.body.length === 4 + 8 * frame.view.getUint32(0);
}

function ping(_context: ControlContext, frame: ControlFrame): TunnelEvent[] {
  if (frame.view.getUint32(0) === 0) malformed("a SPDY PING has no id");
  return [];
}

function goAway(context: ControlContext, frame: ControlFrame): TunnelEvent[] {
  context.goneAway = true;
  return [{ kind: "closing", code: frame.view.getUint32(4) }];
}

function windowUpdate(context: ControlContext, frame: ControlFrame): TunnelEvent[] {
  // Stream 0 is the whole connection's window (draft 3.1, section 2.6.8).
  if (frame.view.getUint32(0) !== 0) knownStream(context, frame);
  return [];
}

/** Undefined for a stream that ended long ago: such frames carry no data, and the peer drops them. */
function knownStream(context: ControlContext, frame: ControlFrame): SpdyStream | undefined {
  const id = streamId(frame);
  if (!context.streams.wasOpened(id)) malformed(`a SPDY frame is for stream ${id}, which nobody opened`);
  return context.streams.find(id);
}

function finished(context: ControlContext, frame: ControlFrame, stream: SpdyStream): TunnelEvent[] {
  if ((frame.flags & FIN) === 0) return [];
  context.streams.finish(stream, context.direction);
  const { channel, id } = stream;
  return [{ kind: "data", channel, stream: id, payload: new Uint8Array(0), first: true, last: true, fin: true }];
}
