import { Refusal } from "../base/errors.ts";
import { HeldBytes } from "./held-bytes.ts";

/** etcd holds objects of 1.5 MiB by default, and JSON of one may be several times that. */
export const FRAME_LIMIT = 8 * 1024 * 1024;
const NEWLINE = 0x0a;

/**
 * Splits the body of a watch into its frames, one JSON text a line, across any chunk borders. Keeps no more
 * than the one frame that is not complete. Throws Refusal `unmaskable` where a frame exceeds `limit` bytes.
 */
export class WatchFrames {
  readonly #held = new HeldBytes();
  readonly #limit: number;

  constructor(limit: number = FRAME_LIMIT) {
    this.#limit = limit;
  }

  /** The frames that end in this chunk, without their newlines; empty lines are left out. */
  push(chunk: Uint8Array): Buffer[] {
    const frames: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      const frame = this.#take(chunk.subarray(start, end));
      if (frame.length > 0) frames.push(frame);
      start = end + 1;
    }
    if (start < chunk.length) {
      const rest = chunk.subarray(start);
      this.#check(rest);
      this.#held.add(rest);
    }
    return frames;
  }

  /** What the upstream left unfinished when it ended; undefined where it ended cleanly. Only what parses whole may be passed. */
  end(): Buffer | undefined {
    return this.#held.size === 0 ? undefined : this.#take(new Uint8Array(0));
  }

  #take(last: Uint8Array): Buffer {
    this.#check(last);
    return this.#held.take(last);
  }

  #check({ length }: Uint8Array): void {
    if (this.#held.size + length <= this.#limit) return;
    throw new Refusal("unmaskable", `a watch event is larger than ${this.#limit} bytes and cannot be masked`);
  }
}
