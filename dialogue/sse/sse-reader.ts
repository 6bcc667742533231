import { isUtf8 } from "node:buffer";
import { PendingBytes } from "./pending-bytes.ts";

/** A stream that is no event stream, or that clients would read differently. The message quotes nothing of it. */
export class SseError extends Error {
  override readonly name = "SseError";
}

export interface SseEvent {
  /** The field `event`; empty where there is none, which WHATWG reads as `message` and some clients as nothing. */
  event: string;
  /** The `data` lines joined by a newline; undefined where there is none, so that no event is dispatched (a comment). */
  data: string | undefined;
  /** How many `data` lines there were: some clients read each on its own. */
  dataLines: number;
  id?: string;
  /**
   * Its bytes as they came, with the blank line that ends it and what stood before it (blank lines, comments). Those of
   * all events, joined, are the stream. It may be a view of the chunk that was pushed.
   */
  bytes: Uint8Array;
}

export interface SseLimits {
  /** Bytes of one line, and of one event, at most. An event is the most that is ever held. */
  lineBytes?: number;
  eventBytes?: number;
}

/** A whole reply may be one event (OpenAI's `response.completed`), and pages of search results are. */
const EVENT_BYTES = 16 * 1024 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/**
 * Reads an event stream (WHATWG HTML §9.2) as it comes, in chunks of any size: the same bytes give the same events,
 * however they are cut. Stricter than the standard where readers differ: bytes that are no UTF-8, a byte order mark
 * after the first line (@anthropic-ai/sdk drops it, others don't), a field that is almost `data` or `event`, and an
 * `event` that stands twice are errors.
 */
export class SseReader {
  readonly #lineBytes: number;
  readonly #eventBytes: number;
  readonly #pending = new PendingBytes();
  #first = true;
  /** Bytes of the line that is being read. */
  #line = 0;
  /** Whether the event has a line that is not blank. */
  #begun = false;
  /** The byte before was a CR, so that a LF belongs to the same end of line. */
  #afterCr = false;
  /** The blank line's CR was read, and its LF is due. */
  #endsWithCr = false;
  #failed = false;

  constructor(limits: SseLimits = {}) {
    this.#eventBytes = limits.eventBytes ?? EVENT_BYTES;
    this.#lineBytes = limits.lineBytes ?? this.#eventBytes;
  }

  /**
   * The events that the chunk completes. It reads as it is iterated, and must be iterated to its end before the next
   * chunk is pushed: what comes before an error is given before it is thrown. Throws SseError.
   */
  *push(chunk: Uint8Array): Generator<SseEvent, void, undefined> {
    this.#begin();
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const c = chunk[i] as number;
      if (this.#endsWithCr) {
        const end = c === LF ? i + 1 : i;
        this.#checkEvent(end - start);
        yield this.#take(chunk.subarray(start, end));
        start = end;
        if (c === LF) continue;
      }
      if (c !== LF && c !== CR) {
        const end = this.#endOfRun(chunk, i, start);
        this.#line += end - i;
        this.#afterCr = false;
        i = end - 1;
      } else if (c === LF && this.#afterCr) {
        this.#afterCr = false;
      } else if (this.#line > 0) {
        this.#line = 0;
        this.#begun = true;
        this.#afterCr = c === CR;
      } else if (this.#begun) {
        // A CR after a line that ended in CR LF is the first half of one: to wait for the other keeps what goes out
        // whole. After a line that ended in a CR alone it is the end, and there is nothing to wait for.
        if (c === CR && !this.#afterCr) {
          this.#endsWithCr = true;
        } else {
          this.#checkEvent(i + 1 - start);
          yield this.#take(chunk.subarray(start, i + 1));
          start = i + 1;
        }
      }
      this.#checkEvent(i + 1 - start);
    }
    this.#pending.append(chunk.subarray(start));
    this.#failed = false;
  }

  /**
   * The stream is over. What is left may be the last event, ended by a CR alone, or blank lines and comments, which are
   * given with no data. Throws SseError where it ended within an event.
   */
  *end(): Generator<SseEvent, void, undefined> {
    this.#begin();
    if (this.#pending.length === 0) return;
    const whole = this.#endsWithCr;
    if (this.#line > 0) throw new SseError("it ended within an event");
    const event = this.#take(new Uint8Array(0));
    if (!whole && (event.data !== undefined || event.event !== "")) throw new SseError("it ended within an event");
    yield event;
  }

  /** Nothing is read after an error, nor where a chunk was not iterated to its end. */
  #begin(): void {
    if (this.#failed) throw new SseError("it is read no further");
    this.#failed = true;
  }

  #checkEvent(bytes: number): void {
    if (this.#pending.length + bytes > this.#eventBytes) {
      throw new SseError(`an event is longer than ${this.#eventBytes} bytes`);
    }
  }

  /** Where a line's bytes from `from` on end in this chunk. The limits are met at the same byte by every chunking. */
  #endOfRun(chunk: Uint8Array, from: number, start: number): number {
    const lineEnd = from + this.#lineBytes - this.#line;
    const eventEnd = start + this.#eventBytes - this.#pending.length;
    const stop = Math.min(chunk.length, lineEnd, eventEnd);
    let end = from;
    while (end < stop && chunk[end] !== LF && chunk[end] !== CR) end++;
    const more = end < chunk.length && chunk[end] !== LF && chunk[end] !== CR;
    if (more && end === lineEnd) throw new SseError(`a line is longer than ${this.#lineBytes} bytes`);
    if (more && end === eventEnd) throw new SseError(`an event is longer than ${this.#eventBytes} bytes`);
    return end;
  }

  #take(rest: Uint8Array): SseEvent {
    const bytes = this.#pending.take(rest);
    const first = this.#first;
    this.#first = false;
    this.#line = 0;
    this.#begun = false;
    this.#afterCr = false;
    this.#endsWithCr = false;
    return readEvent(bytes, first);
  }
}

const FIELDS = new Set(["event", "data", "id", "retry"]);

/** Fields of an event, from its bytes. `first`: a byte order mark may stand before it. */
function readEvent(bytes: Uint8Array, first: boolean): SseEvent {
  if (!isUtf8(bytes)) throw new SseError("it is not valid UTF-8");
  let text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  if (first && text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  const event: SseEvent = { event: "", data: undefined, dataLines: 0, bytes };
  let named = false;
  for (const line of text.includes("\r") ? text.split(/\r\n|\n|\r/) : text.split("\n")) {
    if (line === "") continue;
    if (line.charCodeAt(0) === 0xfeff) throw new SseError("a line begins with a byte order mark");
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1);
    if (field === "data") {
      event.data = event.data === undefined ? value : `${event.data}\n${value}`;
      event.dataLines++;
    } else if (field === "event") {
      if (named) throw new SseError("an event has two names");
      named = true;
      event.event = value;
    } else if (field === "id") {
      if (!value.includes("\0")) event.id = value;
    } else if (field.length < 32 && FIELDS.has(field.trim().toLowerCase()) && !FIELDS.has(field)) {
      throw new SseError("the name of a field is written so that readers differ");
    }
  }
  return event;
}
