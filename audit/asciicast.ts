import { StringDecoder } from "node:string_decoder";
import { shellWords } from "../base/shell-words.ts";
import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";
import { execStart, isExec, streamEnd } from "./exec.ts";
import { framesOf, ResizeReader, type StreamFrame, type TerminalSize } from "./stream-frames.ts";

export const ASCIICAST_TYPE = "application/x-asciicast";

export interface CastOptions {
  /** Id of the exec's or attach's exchange; the first one among the events where absent. */
  exchange?: string | undefined;
  /** What was typed is in the cast as well, where it is on record: true where absent. */
  input?: boolean | undefined;
}

/** Code and data of a line: output, input, resize, marker, exit. */
type Code = "o" | "i" | "r" | "m" | "x";
type Timed = [at: number, code: Code, data: string];

/** kubectl says its terminal's size before anything else; where nobody does, this is what terminals begin with. */
const USUAL: TerminalSize = { cols: 80, rows: 24 };
const SHOWN = { stdout: "o", stderr: "o", stdin: "i" } as const;

/**
 * The recording of one exec or attach as asciicast v3 (docs.asciinema.org/manual/asciicast/v3), a line at a time and
 * without line ends: the header, then `[seconds since the line before, code, data]`. Memory holds one event at a time.
 * `events` are in the order of their chain; those of others may lie between. Yields nothing where no exec is among them.
 *
 * The data are what the container sent: control sequences are in it, and whatever they do to the terminal that plays it.
 */
export async function* asciicast(
  events: Iterable<EventRow> | AsyncIterable<EventRow>,
  options: CastOptions = {},
): AsyncGenerator<string> {
  let { exchange } = options;
  let cast: Cast | undefined;
  for await (const event of events) {
    if (!isExec(event) || !KINDS.has(event.kind)) continue;
    exchange ??= event.exchange_id;
    if (event.exchange_id !== exchange) continue;
    cast ??= new Cast(event, options.input !== false);
    yield* cast.push(event);
  }
  if (cast !== undefined) yield* cast.end();
}

const KINDS: ReadonlySet<string> = new Set(["request.intent", "stream.frame", "stream.closed"]);

class Cast {
  readonly #first: EventRow;
  readonly #input: boolean;
  readonly #resize = new ResizeReader();
  readonly #decoders = new Map<string, StringDecoder>();
  readonly #missed = new Set<string>();
  #tty: boolean | undefined;
  /** Microseconds since the epoch of the last line; undefined before the header. */
  #last: number | undefined;
  #afterReturn = false;

  constructor(first: EventRow, input: boolean) {
    this.#first = first;
    this.#input = input;
    this.#tty = execStart(first).tty;
  }

  *push(event: EventRow): Generator<string> {
    const lines: Timed[] = [];
    for (const frame of framesOf(event)) lines.push(...this.#lines(frame));
    if (event.kind === "stream.closed") lines.push(...this.#closed(event));
    // The size is known once anything is: kubectl sends it first.
    if (this.#last === undefined && lines.length > 0) yield this.#header(lines);
    for (const line of lines) yield this.#line(line);
  }

  *end(): Generator<string> {
    if (this.#last === undefined) yield this.#header([]);
  }

  #header(lines: readonly Timed[]): string {
    const start = eventTime(this.#first);
    this.#last = Math.round(start * 1000);
    const { connection, namespace, name, subresource } = this.#first;
    const { command, container } = execStart(this.#first);
    const first = lines.findIndex(([, code]) => code === "r");
    const size = first >= 0 && lines.slice(0, first).every(([, code]) => code !== "o") ? lines[first]?.[2] : undefined;
    const [cols = USUAL.cols, rows = USUAL.rows] = size?.split("x").map(Number) ?? [];
    const inside = container === "" ? "" : ` (${container})`;
    return JSON.stringify({
      version: 3,
      term: { cols, rows },
      timestamp: Math.floor(start / 1000),
      ...(command === undefined ? {} : { command: shellWords(command) }),
      title: `${subresource} in ${namespace}/${name}${inside} on ${connection}`,
    });
  }

  #line([at, code, data]: Timed): string {
    // A clock that was set back does not turn a recording back.
    const now = Math.max(this.#last ?? 0, Math.round(at * 1000));
    const interval = (now - (this.#last ?? now)) / 1_000_000;
    this.#last = now;
    return JSON.stringify([interval, code, data]);
  }

  #lines({ at, channel, stream, bytes, data }: StreamFrame): Timed[] {
    if (channel === "error" || channel === "data") return [];
    if (channel === "stdin" && !this.#input) return [];
    if (data === undefined) return this.#notOnRecord(at, channel, bytes);
    if (channel === "resize") {
      const size = this.#resize.push(data);
      if (size === undefined) return [];
      this.#tty ??= true; // only a terminal has a size
      return [[at, "r", `${size.cols}x${size.rows}`]];
    }
    const text = this.#decoder(`${channel} ${stream}`).write(data);
    const shown = SHOWN[channel] === "o" ? this.#asShown(text) : text;
    return shown === "" ? [] : [[at, SHOWN[channel], shown]];
  }

  #decoder(key: string): StringDecoder {
    let decoder = this.#decoders.get(key);
    if (decoder === undefined) {
      // What is no UTF-8 becomes U+FFFD: lines of a cast are JSON.
      decoder = new StringDecoder("utf8");
      this.#decoders.set(key, decoder);
    }
    return decoder;
  }

  /**
   * Without a terminal in the container a line ends with a line feed alone, and the terminal that kubectl writes it to
   * goes back to the first column by itself (ONLCR, termios(3)); a player does not.
   */
  #asShown(text: string): string {
    if (this.#tty === true || text === "") return text;
    const feedFirst = this.#afterReturn && text.startsWith("\n");
    this.#afterReturn = text.endsWith("\r");
    const shown = text.replace(/(?<!\r)\n/g, "\r\n");
    return feedFirst ? shown.slice(1) : shown;
  }

  /** Said once a channel: a silent terminal and one that nobody recorded look the same. */
  #notOnRecord(at: number, channel: string, bytes: number): Timed[] {
    if (channel === "resize" || bytes === 0 || this.#missed.has(channel)) return [];
    this.#missed.add(channel);
    return [[at, "m", `${channel} is not on record`]];
  }

  #closed(event: EventRow): Timed[] {
    const at = eventTime(event);
    const { exitCode, reason } = streamEnd(event);
    const lines: Timed[] = [];
    for (const [key, decoder] of this.#decoders) {
      const rest = decoder.end();
      if (rest !== "") lines.push([at, key.startsWith("stdin") ? "i" : "o", rest]);
    }
    if (exitCode !== undefined) lines.push([at, "x", String(exitCode)]);
    else if (reason !== "") lines.push([at, "m", reason]);
    return lines;
  }
}
