import { ByteInput } from "../channels/byte-input.ts";
import type { DirectionReader } from "../channels/direction-reader.ts";
import { malformed } from "../channels/malformed.ts";
import { Pieces } from "../channels/pieces.ts";
import { maySend } from "../channels/sendable.ts";
import type { Direction, ParsedFrame } from "../channels/types.ts";
import { type ControlContext, readControlFrame } from "./control-frames.ts";
import { HeaderInflater } from "./inflate-headers.ts";
import type { SpdyStream, SpdyStreams } from "./streams.ts";

/** Those that Kubernetes sends are under 200 bytes. Data frames have no limit: they are never kept. */
export const CONTROL_FRAME_LIMIT = 16 * 1024;
const HEADER = 8;
const FIN = 0x01;

interface OpenDataFrame {
  readonly stream: SpdyStream;
  readonly fin: boolean;
  first: boolean;
  remaining: number;
}

/** Reads the SPDY/3.1 frames of one direction (SPDY draft 3.1, section 2.2, as moby/spdystream speaks it). */
export class SpdyReader implements DirectionReader {
  private readonly input = new ByteInput();
  private readonly context: ControlContext;
  private data: OpenDataFrame | undefined;

  constructor(direction: Direction, streams: SpdyStreams) {
    this.context = { direction, streams, inflater: new HeaderInflater(), goneAway: false };
  }

  get held(): number {
    return this.input.held;
  }

  push(chunk: Uint8Array): ParsedFrame[] {
    const pieces = new Pieces();
    this.input.feed(chunk);
    while (!this.input.exhausted) {
      if (this.data === undefined) this.readHead(pieces);
      else this.readPayload(this.data, pieces);
    }
    return pieces.list;
  }

  end(): boolean {
    return this.input.held === 0 && this.data === undefined;
  }

  private readHead(pieces: Pieces): void {
    const head = this.input.next(HEADER);
    if (head === undefined) return;
    const view = new DataView(head.buffer, head.byteOffset, HEADER);
    const length = view.getUint32(4) & 0xffffff;
    if ((view.getUint8(0) & 0x80) === 0) {
      this.input.consume();
      this.beginData(head, view.getUint32(0), view.getUint8(4), length, pieces);
      return;
    }
    if (length > CONTROL_FRAME_LIMIT) malformed(`a SPDY control frame is larger than ${CONTROL_FRAME_LIMIT} bytes`);
    const frame = this.input.next(HEADER + length);
    if (frame === undefined) return;
    this.input.consume();
    pieces.list.push({ bytes: frame, events: readControlFrame(this.context, frame) });
  }

  private beginData(head: Uint8Array, id: number, flags: number, length: number, pieces: Pieces): void {
    const { direction, streams } = this.context;
    const stream = streams.find(id);
    if (stream === undefined) malformed(`data came for SPDY stream ${id}, which is not open`);
    if ((flags & ~FIN) !== 0) malformed("a SPDY data frame has flags that are not defined");
    const { channel } = stream;
    if (length > 0 && !maySend(channel, direction)) malformed(`${channel} is not sent in this direction`);
    const fin = (flags & FIN) !== 0;
    if (length > 0) {
      pieces.list.push({ bytes: head, events: [] });
      this.data = { stream, fin, first: true, remaining: length };
      return;
    }
    if (fin) streams.finish(stream, direction);
    const payload = head.subarray(HEADER);
    pieces.list.push({
      bytes: head,
      events: [{ kind: "data", channel, stream: id, payload, first: true, last: true, fin }],
    });
  }

  private readPayload(data: OpenDataFrame, pieces: Pieces): void {
    const payload = this.input.slice(data.remaining);
    const { stream, first } = data;
    data.remaining -= payload.length;
    data.first = false;
    const last = data.remaining === 0;
    const fin = last && data.fin;
    if (last) this.data = undefined;
    if (fin) this.context.streams.finish(stream, this.context.direction);
    pieces.add(payload, [{ kind: "data", channel: stream.channel, stream: stream.id, payload, first, last, fin }]);
  }
}
