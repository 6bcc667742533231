import { ByteInput } from "../channels/byte-input.ts";
import type { DirectionReader } from "../channels/direction-reader.ts";
import { malformed } from "../channels/malformed.ts";
import { Pieces } from "../channels/pieces.ts";
import type { Direction, ParsedFrame, TunnelEvent } from "../channels/types.ts";
import { type FrameHead, headLength, OPCODE, readHead, unmask } from "./frame-head.ts";
import type { PayloadReader } from "./payload-reader.ts";

/** RFC 6455, section 7.1.5: what a close frame without a code counts as. */
const NO_CODE = 1005;

interface OpenFrame {
  readonly head: FrameHead;
  /** Bytes of its payload that were read. */
  position: number;
}

/** Reads the WebSocket frames of one direction (RFC 6455, section 5). Slices of data go to `payloads` as they arrive. */
export class WebSocketReader implements DirectionReader {
  private readonly input = new ByteInput();
  private readonly direction: Direction;
  private readonly payloads: PayloadReader;
  private frame: OpenFrame | undefined;
  /** A message is being sent: in a frame, or between its fragments. */
  private inMessage = false;
  private closed = false;

  constructor(direction: Direction, payloads: PayloadReader) {
    this.direction = direction;
    this.payloads = payloads;
  }

  get held(): number {
    return this.input.held;
  }

  push(chunk: Uint8Array): ParsedFrame[] {
    const pieces = new Pieces();
    this.input.feed(chunk);
    while (!this.input.exhausted) {
      // RFC 6455, section 5.5.1. Downwards it is read on: the API server may close while it still writes.
      if (this.closed && this.direction === "up") malformed("a WebSocket frame came after the close frame");
      if (this.frame === undefined) this.readFrame(pieces);
      else this.readPayload(this.frame, pieces);
    }
    return pieces.list;
  }

  end(): boolean {
    return this.input.held === 0 && this.frame === undefined && !this.inMessage && this.payloads.end();
  }

  private readFrame(pieces: Pieces): void {
    const start = this.input.next(2);
    if (start === undefined) return;
    const length = headLength(start);
    const bytes = this.input.next(length);
    if (bytes === undefined) return;
    const head = readHead(bytes, this.direction);
    if (head.control) {
      const frame = this.input.next(length + head.length);
      if (frame === undefined) return;
      this.input.consume();
      pieces.list.push({ bytes: frame, events: this.readControl(head, frame.subarray(length)) });
      return;
    }
    this.input.consume();
    this.beginData(head, bytes, pieces);
  }

  private beginData(head: FrameHead, bytes: Uint8Array, pieces: Pieces): void {
    if (head.opcode === OPCODE.continuation) {
      if (!this.inMessage) malformed("a WebSocket continuation continues nothing");
    } else {
      if (this.inMessage) malformed("a WebSocket message began inside another");
      if (head.opcode === OPCODE.text && !this.payloads.text)
        malformed("a WebSocket message of text is none of this protocol");
    }
    if (!head.fin && !this.payloads.fragments) malformed("a WebSocket message of the client is fragmented");
    this.inMessage = true;
    this.frame = { head, position: 0 };
    const events = head.length > 0 ? [] : this.readSlice(this.frame, bytes.subarray(bytes.length));
    pieces.list.push({ bytes, events });
  }

  private readPayload(frame: OpenFrame, pieces: Pieces): void {
    const bytes = this.input.slice(frame.head.length - frame.position);
    pieces.add(bytes, this.readSlice(frame, bytes));
  }

  private readSlice(frame: OpenFrame, bytes: Uint8Array): readonly TunnelEvent[] {
    const { head, position } = frame;
    const clear = head.key === undefined ? bytes : unmask(bytes, head.key, position);
    frame.position += bytes.length;
    const ended = frame.position === head.length;
    if (ended) this.frame = undefined;
    const last = ended && head.fin;
    if (last) this.inMessage = false;
    return this.payloads.read(clear, last);
  }

  private readControl(head: FrameHead, payload: Uint8Array): TunnelEvent[] {
    if (head.opcode !== OPCODE.close) return [];
    this.closed = true;
    const clear = head.key === undefined ? payload : unmask(payload, head.key, 0);
    return [{ kind: "closing", code: clear.length === 0 ? NO_CODE : ((clear[0] ?? 0) << 8) | (clear[1] ?? 0) }];
  }
}
