import { Refusal } from "../base/errors.ts";

/** etcd holds objects of 1.5 MiB by default, and JSON of one may be twice that. */
export const FRAME_LIMIT = 8 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Splits the body of a watch into its frames, one JSON text a line, across any chunk borders. Keeps no more
 * than the one frame that is not complete. Throws Refusal `unmaskable` where a frame exceeds `limit` bytes.
 */
export class WatchFrames {
  private pending: Uint8Array[] = [];
  private size = 0;
  private readonly limit: number;

  constructor(limit: number = FRAME_LIMIT) {
    this.limit = limit;
  }

  /** The frames that end in this chunk, without their newlines; empty lines are left out. */
  push(chunk: Uint8Array): Uint8Array[] {
    const frames: Uint8Array[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      const frame = this.take(chunk.subarray(start, end));
      if (frame.length > 0) frames.push(frame);
      start = end + 1;
    }
    if (start < chunk.length) this.keep(chunk.subarray(start));
    return frames;
  }

  /** What the upstream left unfinished when it ended; undefined where it ended cleanly. Only what parses whole may be passed. */
  end(): Uint8Array | undefined {
    return this.size === 0 ? undefined : this.take(new Uint8Array(0));
  }

  private keep(part: Uint8Array): void {
    this.size += part.length;
    if (this.size > this.limit) {
      throw new Refusal("unmaskable", `a watch event is larger than ${this.limit} bytes and cannot be masked`);
    }
    // Copied: the chunk may be a view of a buffer that its owner uses again.
    this.pending.push(part.slice());
  }

  private take(last: Uint8Array): Uint8Array {
    if (this.size === 0 && last.length <= this.limit) return last;
    this.keep(last);
    const frame = this.pending.length === 1 ? (this.pending[0] as Uint8Array) : Buffer.concat(this.pending);
    this.pending = [];
    this.size = 0;
    return frame;
  }
}
