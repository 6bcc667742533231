import { Refusal } from "../../base/errors.ts";
import type { KnownValues } from "../../engine/mask/known-values.ts";
import { createStreamRedactor, type StreamRedactor } from "../../engine/mask/redact-stream.ts";

const STAR = 0x2a;
/** Bytes that wait behind what could become a value, until it is given up: memory is not what pays for a pause. */
const WAITING_LIMIT = 1024 * 1024;

/** A frame that waits until all of its bytes are known to be nobody's secret, or overwritten. */
interface Waiting<Frame> {
  frame: Frame;
  bytes: Buffer;
  filled: number;
}

interface Searched<Frame> {
  redactors: StreamRedactor[];
  /** Frames of this stream whose bytes have not all come out, in order. */
  waiting: Waiting<Frame>[];
}

/**
 * The record's copy of a tunnel, each stream searched by itself, across its frames: what is typed letter by letter is
 * found as well. Frames come out in their order and with their lengths, some of them later.
 */
export class RecordedFrames<Frame extends { data?: string }> {
  readonly #streams = new Map<string, Searched<Frame>>();
  readonly #queue: Waiting<Frame>[] = [];
  #waiting = 0;

  /** A frame without data, or with the `payload` of the stream `key`, which is searched for what is `known`. */
  add(frame: Frame, data?: { key: string; payload: Uint8Array; known: readonly KnownValues[] }): void {
    const one: Waiting<Frame> = { frame, bytes: Buffer.from(data?.payload ?? []), filled: 0 };
    this.#queue.push(one);
    this.#waiting += one.bytes.length;
    if (data !== undefined) this.#search(one, data);
  }

  #search(one: Waiting<Frame>, { key, known }: { key: string; known: readonly KnownValues[] }): void {
    let stream = this.#streams.get(key);
    if (stream === undefined) {
      stream = { redactors: [], waiting: [] };
      this.#streams.set(key, stream);
    }
    stream.waiting.push(one);
    try {
      if (stream.redactors.length === 0) stream.redactors = known.map(createStreamRedactor);
      fill(
        stream,
        stream.redactors.reduce((rest: Uint8Array, redactor) => redactor.push(rest), one.bytes),
      );
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      overwrite(stream);
    }
  }

  /** Frames whose bytes have come out. `all`: every one, also what could still become a value. */
  take(all = false): Frame[] {
    if (all || this.#waiting > WAITING_LIMIT) for (const stream of this.#streams.values()) giveUp(stream);
    const undecided = this.#queue.findIndex(({ bytes, filled }) => filled < bytes.length);
    return this.#queue.splice(0, undecided < 0 ? this.#queue.length : undecided).map(({ frame, bytes }) => {
      this.#waiting -= bytes.length;
      if (bytes.length > 0) frame.data = bytes.toString("base64");
      return frame;
    });
  }

  /** The stream is over: what its end could have become is nothing any more, and nothing is kept of it. */
  end(key: string): void {
    const stream = this.#streams.get(key);
    if (stream === undefined) return;
    giveUp(stream);
    this.#streams.delete(key);
  }

  /** How many streams are searched. */
  get streams(): number {
    return this.#streams.size;
  }

  get held(): boolean {
    return this.#queue.length > 0;
  }
}

function fill<Frame>({ waiting }: Searched<Frame>, output: Uint8Array): void {
  let rest = output;
  while (rest.length > 0) {
    const [first] = waiting;
    if (first === undefined) throw new Error("a redactor gave more bytes than it was given");
    const part = rest.subarray(0, first.bytes.length - first.filled);
    first.bytes.set(part, first.filled);
    first.filled += part.length;
    rest = rest.subarray(part.length);
    if (first.filled === first.bytes.length) waiting.shift();
  }
}

function giveUp<Frame>(stream: Searched<Frame>): void {
  try {
    let rest: Uint8Array = new Uint8Array(0);
    for (const redactor of stream.redactors) rest = Buffer.concat([redactor.push(rest), redactor.flush()]);
    fill(stream, rest);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    overwrite(stream);
  }
}

/** What can no longer be searched is not kept: its session has ended, or knows more than can be looked for. */
function overwrite<Frame>(stream: Searched<Frame>): void {
  for (const one of stream.waiting.splice(0)) {
    one.bytes.fill(STAR, one.filled);
    one.filled = one.bytes.length;
  }
  stream.redactors = [];
}
