import { StringDecoder } from "node:string_decoder";
import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";
import { execStart } from "./exec.ts";
import { harmlessLines } from "./harmless.ts";
import { framesOf, ResizeReader, type StreamFrame, type TerminalSize } from "./stream-frames.ts";
import { TerminalScreen } from "./terminal-screen.ts";

/** What an exec showed at one moment: lines that are safe to print, or its bytes as they were. */
export interface Shown {
  at: number;
  lines: string[];
  raw?: Buffer;
}

export interface ExecReplayOptions {
  /** Bytes instead of lines. */
  raw?: boolean | undefined;
  /** What was typed, also where the terminal showed it anyhow. */
  typed?: boolean | undefined;
}

const LONGEST_TYPED = 4_000;
const USUAL: TerminalSize = { cols: 80, rows: 24 };

/**
 * One exec or attach as its terminal showed it, from its `request.intent` on, event by event.
 */
export class ExecReplay {
  readonly #options: ExecReplayOptions;
  readonly #tty: boolean | undefined;
  readonly #resize = new ResizeReader();
  readonly #decoders = new Map<string, StringDecoder>();
  readonly #missed = new Set<string>();
  #size = USUAL;
  #screen: TerminalScreen | undefined;
  #typedLine = "";
  #noText = 0;

  /** @param first Its `request.intent`, or whatever of it comes first. */
  constructor(first: EventRow, options: ExecReplayOptions) {
    this.#options = options;
    this.#tty = execStart(first).tty;
  }

  async *push(event: EventRow): AsyncGenerator<Shown> {
    for (const frame of framesOf(event)) {
      const lines = this.#options.raw === true ? this.#note(frame) : await this.#lines(frame);
      const shows = frame.channel === "stdout" || frame.channel === "stderr";
      const raw = this.#options.raw === true && shows ? frame.data : undefined;
      if (lines.length > 0) yield { at: frame.at, lines };
      if (raw !== undefined && raw.length > 0) yield { at: frame.at, lines: [], raw };
    }
    if (event.kind === "stream.closed") yield { at: eventTime(event), lines: this.#end() };
  }

  async #lines(frame: StreamFrame): Promise<string[]> {
    const { channel, stream, data } = frame;
    if (channel === "error" || channel === "data") return [];
    if (data === undefined) return this.#note(frame);
    if (channel === "resize") {
      this.#size = this.#resize.push(data) ?? this.#size;
      this.#screen?.resize(this.#size);
      return [];
    }
    // A tar of `kubectl cp`, say. No terminal shows it, and what it would do to one is nothing that anybody saw.
    if (this.#tty !== true && data.includes(0)) {
      this.#noText += data.length;
      return [];
    }
    const text = this.#decoder(`${channel} ${stream}`).write(data);
    return [...this.#noTextLines(), ...(channel === "stdin" ? this.#typed(text) : await this.#shown(text))];
  }

  async #shown(text: string): Promise<string[]> {
    this.#screen ??= new TerminalScreen(this.#size, this.#tty !== true);
    return (await this.#screen.write(text)).map((line) => `| ${line}`);
  }

  /** A terminal shows what is typed by itself, unless a program told it not to. */
  #typed(text: string): string[] {
    if (this.#tty === true && this.#options.typed !== true) return [];
    const lines = (this.#typedLine + text).split(/\r\n|[\r\n]/);
    this.#typedLine = lines.pop() ?? "";
    if (this.#typedLine.length > LONGEST_TYPED) {
      lines.push(this.#typedLine);
      this.#typedLine = "";
    }
    return lines.flatMap(harmlessLines).map((line) => `> ${line}`);
  }

  #decoder(key: string): StringDecoder {
    const decoder = this.#decoders.get(key) ?? new StringDecoder("utf8");
    this.#decoders.set(key, decoder);
    return decoder;
  }

  #noTextLines(): string[] {
    const bytes = this.#noText;
    this.#noText = 0;
    return bytes === 0 ? [] : [`(${bytes} bytes that are no text)`];
  }

  /** Said once a channel. */
  #note({ channel, bytes, data }: StreamFrame): string[] {
    const kept = data !== undefined || bytes === 0 || this.#missed.has(channel);
    if (kept || channel === "resize" || channel === "error" || channel === "data") return [];
    this.#missed.add(channel);
    return [`(${channel} is not on record)`];
  }

  #end(): string[] {
    const typed = this.#typedLine === "" ? [] : [`> ${harmlessLines(this.#typedLine).join(" ")}`];
    const rest = this.#screen?.end().map((line) => `| ${line}`) ?? [];
    return [...this.#noTextLines(), ...typed, ...rest];
  }
}
