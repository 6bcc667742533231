import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { errorMessage, Refusal } from "../../base/errors.ts";
import type { Direction, ParsedFrame, TunnelParser } from "../../kubernetes/channels/types.ts";
import type { Deps } from "../deps.ts";
import type { Forwarded } from "../exchange.ts";
import { StreamRecording } from "./stream-recording.ts";
import type { StreamSummary } from "./stream-summary.ts";
import { TunnelPump } from "./tunnel-pump.ts";
import type { TunnelRedaction } from "./tunnel-redaction.ts";

/** How long one end may stay open after the other has closed its side: the API server ends both at once. */
const HALF_OPEN_MS = 30_000;
/** A dead peer is found by TCP, never by silence: a quiet terminal is none. */
const KEEP_ALIVE_MS = 30_000;
/** After so long a person who reads along waits for what the search holds back. */
const QUIET_MS = 100;
/** What a client whose tunnel ends has to read why. */
const LINGER_MS = 1_000;

/** What is made of the bytes on their way. */
export interface TunnelReading {
  parser: TunnelParser;
  /** Of the output of terminals. */
  redaction: TunnelRedaction | undefined;
  summary: StreamSummary;
  /** Frames that tell the client why it is over, where its protocol can. */
  lastWords(why: string): Buffer | undefined;
}

/**
 * Carries both directions of an upgraded connection until they end: raw bytes, read on the side before they go on, so
 * that nothing passes that cannot be read or put on record.
 */
export class Tunnel {
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  readonly #reading: TunnelReading;
  readonly #exchange: Forwarded;
  readonly #deps: Pick<Deps, "log" | "streamRoom">;
  readonly #recording: StreamRecording;
  readonly #up: TunnelPump;
  readonly #down: TunnelPump;
  readonly #ended = Promise.withResolvers<void>();
  #open = 2;
  #over = false;
  #why: string | undefined;
  #late: NodeJS.Timeout | undefined;
  #quiet: NodeJS.Timeout | undefined;

  constructor(
    { client, upstream }: { client: Duplex; upstream: Duplex },
    reading: TunnelReading,
    exchange: Forwarded,
    deps: Deps,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#reading = reading;
    this.#exchange = exchange;
    this.#deps = deps;
    this.#recording = new StreamRecording(exchange, deps, (error) => this.dismiss(errorMessage(error)));
    this.#up = new TunnelPump(client, upstream, (chunk) => this.#pass("up", chunk));
    this.#down = new TunnelPump(upstream, client, (chunk) => this.#pass("down", chunk));
  }

  /** Resolves with why it ended when both sockets are closed and all is on record. `early`: what the client sent before. */
  async run(early: readonly Buffer[]): Promise<string> {
    this.#watch("up", this.#client, this.#upstream, "the client");
    this.#watch("down", this.#upstream, this.#client, "the API server");
    this.#up.start(early);
    this.#down.start([]);
    await this.#ended.promise;
    clearTimeout(this.#late);
    clearTimeout(this.#quiet);
    this.#deps.streamRoom.forget(this.#resume);
    await this.#recording.close();
    return this.#why ?? "both ends closed";
  }

  /** Ends it at once, and tells the client why where no frame on its way to it is cut by that. */
  dismiss(why: string): void {
    if (this.#over) return;
    this.#flush();
    const words = this.#reading.parser.end("down") ? this.#reading.lastWords(why) : undefined;
    if (words === undefined || !this.#client.writable) {
      this.#cut(why);
      return;
    }
    this.#over = true;
    this.#exchange.cut ??= why;
    this.#upstream.destroy();
    this.#client.end(words);
    setTimeout(() => this.#client.destroy(), LINGER_MS).unref();
  }

  #watch(direction: Direction, from: Duplex, to: Duplex, who: string): void {
    from.allowHalfOpen = true;
    (from as Partial<Pick<Socket, "setKeepAlive">>).setKeepAlive?.(true, KEEP_ALIVE_MS);
    from.once("end", () => {
      this.#why ??= `${who} closed it`;
      if (direction === "down") this.#flush();
      to.end();
      this.#late ??= setTimeout(() => this.#cut("one end stayed open after the other had closed"), HALF_OPEN_MS);
    });
    from.once("error", (error) => {
      // Who has said everything and closed resets what still comes, as Go does: the other end reads on to its end.
      if (!from.readableEnded) this.#cut(`the connection of ${who} broke: ${errorMessage(error)}`);
    });
    const closed = (): void => {
      this.#why ??= `${who} closed it`;
      // Cut before its end: what is left on the other side has nobody to go to.
      if (!from.readableEnded && !this.#over) to.destroy();
      this.#open -= 1;
      if (this.#open === 0) this.#ended.resolve();
    };
    if (from.closed) closed();
    else from.once("close", closed);
  }

  /** What of a chunk may go on now, read, searched and on its way to the record. */
  #pass(direction: Direction, chunk: Buffer): readonly Uint8Array[] {
    if (this.#over) return [];
    const { parser, redaction } = this.#reading;
    return this.#guarded(() => {
      const frames = parser.push(direction, chunk);
      if (direction === "up" || redaction === undefined) return this.#note(direction, frames);
      const passed = this.#note("down", redaction.push(frames));
      clearTimeout(this.#quiet);
      if (redaction.held > 0) this.#quiet = setTimeout(() => this.#flush(), QUIET_MS);
      return passed;
    });
  }

  #note(direction: Direction, frames: readonly ParsedFrame[]): Uint8Array[] {
    for (const { events } of frames) {
      for (const event of events) {
        this.#reading.summary.add(direction, event);
        this.#recording.add(direction, event);
      }
    }
    if (this.#recording.full) {
      this.#up.holdForRecord();
      this.#down.holdForRecord();
      this.#deps.streamRoom.whenRoom(this.#resume);
    }
    return frames.map(({ bytes }) => bytes);
  }

  /** Gives up what the search holds back. */
  #flush(): void {
    const { redaction } = this.#reading;
    if (redaction !== undefined) this.#down.write(this.#guarded(() => this.#note("down", redaction.flush())));
  }

  readonly #resume = (): void => {
    this.#up.goOn();
    this.#down.goOn();
  };

  /** What cannot be read, searched or noted passes on nothing, and ends the tunnel. */
  #guarded(work: () => Uint8Array[]): Uint8Array[] {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Refusal)) {
        this.#deps.log.error("unexpected error in a tunnel", { exchange: this.#exchange.id, error });
      }
      this.#cut(error instanceof Refusal ? error.message : "the gateway met an unexpected error");
      return [];
    }
  }

  #cut(why: string): void {
    this.#over = true;
    this.#exchange.cut ??= why;
    this.#client.destroy();
    this.#upstream.destroy();
  }
}
