import type { ChannelFrame, ParsedFrame } from "./types.ts";

/** What overwrites known values in a stream of bytes, as many out as in (engine/mask/redact-stream.ts has one). */
export interface PayloadRedactor {
  /** What may go out now: all but a tail that may be the beginning of a value. Doesn't change or keep its argument. */
  push(payload: Uint8Array): Uint8Array;
  /** Gives up the tail. */
  flush(): Uint8Array;
}

/** Bytes that wait behind a tail until the tail is given up: a stream that goes on is not held up by one that pauses. */
export const WAITING_LIMIT = 256 * 1024;

interface WaitingPiece {
  readonly bytes: Uint8Array;
  /** Payload of it that its redactors still keep. */
  missing: number;
}

interface StreamState {
  readonly redactor: PayloadRedactor;
  /** Where the redactor's output goes, in order: payloads, by what is left of them to fill. */
  readonly targets: { payload: Uint8Array; readonly piece: WaitingPiece }[];
}

/**
 * Redacts the pieces that go down a tunnel: each stream's payloads by a redactor of its own, in place, so that
 * frames keep their lengths and SPDY its windows. Pieces leave in the order in which they came; one whose payload
 * is not decided yet keeps back those behind it, until `flush` or WAITING_LIMIT.
 */
export class TunnelRedactor {
  private readonly streams = new Map<string, StreamState>();
  private readonly queue: WaitingPiece[] = [];
  private readonly create: (frame: ChannelFrame) => PayloadRedactor | undefined;
  private waitingBytes = 0;

  /** `create` gives the redactor of a stream when it first carries something; undefined: it goes as it is. */
  constructor(create: (frame: ChannelFrame) => PayloadRedactor | undefined) {
    this.create = create;
  }

  /** Bytes that wait: while there are any, the tunnel calls `flush` after a pause (100 ms). */
  get held(): number {
    return this.waitingBytes;
  }

  /** The bytes that may go out now. `frames` are the parser's, of direction down. */
  push(frames: readonly ParsedFrame[]): Uint8Array[] {
    for (const { bytes, events } of frames) {
      const piece: WaitingPiece = { bytes, missing: 0 };
      this.queue.push(piece);
      this.waitingBytes += bytes.length;
      for (const event of events) {
        if (event.kind === "data") this.redact(event, piece);
        else if (event.kind === "closing") this.giveUpTails();
        else if (event.kind === "reset") this.end(keyOf(event));
      }
    }
    if (this.waitingBytes > WAITING_LIMIT) this.giveUpTails();
    return this.release();
  }

  /** Everything, the tails given up: after a pause, and at the end. */
  flush(): Uint8Array[] {
    this.giveUpTails();
    return this.release();
  }

  private redact(frame: ChannelFrame, piece: WaitingPiece): void {
    const key = keyOf(frame);
    let stream = this.streams.get(key);
    if (stream === undefined && frame.payload.length > 0) {
      const redactor = this.create(frame);
      if (redactor !== undefined) {
        stream = { redactor, targets: [] };
        this.streams.set(key, stream);
      }
    }
    if (stream !== undefined && frame.payload.length > 0) {
      piece.missing += frame.payload.length;
      stream.targets.push({ payload: frame.payload, piece });
      fill(stream, stream.redactor.push(frame.payload));
    }
    if (frame.fin) this.end(key);
  }

  private end(key: string): void {
    const stream = this.streams.get(key);
    if (stream === undefined) return;
    fill(stream, stream.redactor.flush());
    this.streams.delete(key);
  }

  private giveUpTails(): void {
    for (const stream of this.streams.values()) fill(stream, stream.redactor.flush());
  }

  private release(): Uint8Array[] {
    const out: Uint8Array[] = [];
    let released = 0;
    for (const { bytes, missing } of this.queue) {
      if (missing > 0) break;
      out.push(bytes);
      this.waitingBytes -= bytes.length;
      released++;
    }
    this.queue.splice(0, released);
    return out;
  }
}

function keyOf({ channel, stream }: { channel: string; stream: number }): string {
  return `${channel} ${stream}`;
}

function fill(stream: StreamState, output: Uint8Array): void {
  let rest = output;
  while (rest.length > 0) {
    const target = stream.targets[0];
    // A redactor that gives more than it was given would move every byte behind it.
    if (target === undefined) throw new Error("a redactor gave more bytes than it was given");
    const part = rest.subarray(0, target.payload.length);
    // The redactor may answer the payload itself.
    if (part.buffer !== target.payload.buffer || part.byteOffset !== target.payload.byteOffset)
      target.payload.set(part);
    target.piece.missing -= part.length;
    target.payload = target.payload.subarray(part.length);
    rest = rest.subarray(part.length);
    if (target.payload.length === 0) stream.targets.shift();
  }
}
