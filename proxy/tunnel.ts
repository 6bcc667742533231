import type { Duplex } from "node:stream";
import { errorMessage, Refusal } from "../base/errors.ts";
import { createTunnelParser } from "../kubernetes/channels/tunnel-parser.ts";
import type { Direction, ParsedFrame, TunnelParser } from "../kubernetes/channels/types.ts";
import type { Deps } from "./deps.ts";
import { exchangeEvent } from "./events.ts";
import type { Answered, Forwarded } from "./exchange.ts";
import { StreamRecording } from "./stream-recording.ts";
import { StreamSummary } from "./stream-summary.ts";
import { TunnelPump } from "./tunnel-pump.ts";
import { chosenSubprotocol, switchingHeaders, type Upgrade } from "./upgrade.ts";
import type { UpgradeSocket } from "./upgrade-socket.ts";

/** How long one end may stay open after the other has closed its side: the API server ends both at once. */
const HALF_OPEN_MS = 30_000;
/** A dead peer is found by TCP, never by silence: a quiet terminal is none. */
const KEEP_ALIVE_MS = 30_000;

/** An exchange whose upstream has switched protocols, and whose client waits to hear of it. */
export interface Tunnelled {
  exchange: Forwarded;
  upgrade: Upgrade;
  client: UpgradeSocket;
  upstream: Duplex;
}

/** The exchange as a tunnel, where it is one. */
export function tunnelOf(exchange: Forwarded): Tunnelled | undefined {
  const { upgrade, client, response } = exchange;
  if (upgrade === undefined || client === undefined || response.socket === undefined) return undefined;
  return { exchange, upgrade, client, upstream: response.socket };
}

/**
 * Tells the client that the upstream switched, and carries both directions until an end closes: raw bytes, read on
 * the side before they go on, so that nothing passes that cannot be read. Throws where the upstream switched to what
 * it was not asked for, or to what nobody here can read; then nothing was said to the client yet.
 */
export async function runTunnel(tunnelled: Tunnelled, deps: Deps): Promise<Answered> {
  const { exchange, upgrade, client, upstream } = tunnelled;
  const { res, response, attributes } = exchange;
  const subprotocol = chosenSubprotocol(response, upgrade);
  const { protocol, subresource } = upgrade;
  const parser = createTunnelParser({ protocol, subprotocol, subresource, query: attributes.query });
  const early = client.take();
  res.writeHead(101, switchingHeaders(response, protocol, exchange));
  res.flushHeaders();
  const summary = new StreamSummary();
  const why = await new Tunnel(client.socket, upstream, parser, summary, exchange, deps).run(early);
  deps.recorder.record({
    ...exchangeEvent(exchange, "stream.closed"),
    status: 101,
    payload: {
      reason: exchange.cut ?? why,
      subprotocol,
      bytes: summary.bytes,
      ...(summary.exitCode === undefined ? {} : { exitCode: summary.exitCode }),
    },
  });
  return Object.assign(exchange, { maskedFields: [], responseBytes: summary.down });
}

class Tunnel {
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  readonly #parser: TunnelParser;
  readonly #summary: StreamSummary;
  readonly #exchange: Forwarded;
  readonly #deps: Deps;
  readonly #recording: StreamRecording;
  readonly #up: TunnelPump;
  readonly #down: TunnelPump;
  readonly #ended = Promise.withResolvers<void>();
  #open = 2;
  #why: string | undefined;
  #late: NodeJS.Timeout | undefined;

  constructor(
    client: Duplex,
    upstream: Duplex,
    parser: TunnelParser,
    summary: StreamSummary,
    exchange: Forwarded,
    deps: Deps,
  ) {
    this.#client = client;
    this.#upstream = upstream;
    this.#parser = parser;
    this.#summary = summary;
    this.#exchange = exchange;
    this.#deps = deps;
    this.#recording = new StreamRecording(exchange, deps, (error) => this.#cut(errorMessage(error)));
    this.#up = new TunnelPump(client, upstream, (chunk) => this.#pass("up", chunk));
    this.#down = new TunnelPump(upstream, client, (chunk) => this.#pass("down", chunk));
  }

  /** Resolves with why it ended when both sockets are closed and all is on record. */
  async run(early: readonly Buffer[]): Promise<string> {
    this.#watch("up", this.#client, this.#upstream, "the client");
    this.#watch("down", this.#upstream, this.#client, "the API server");
    this.#up.start(early);
    this.#down.start([]);
    await this.#ended.promise;
    clearTimeout(this.#late);
    this.#deps.streamRoom.forget(this.#resume);
    await this.#recording.close();
    return this.#why ?? "both ends closed";
  }

  #watch(direction: Direction, from: Duplex, to: Duplex, who: string): void {
    from.allowHalfOpen = true;
    (from as Partial<Pick<import("node:net").Socket, "setKeepAlive">>).setKeepAlive?.(true, KEEP_ALIVE_MS);
    from.once("end", () => {
      this.#why ??= `${who} closed it`;
      this.#endOf(direction);
      to.end();
      this.#late ??= setTimeout(() => this.#cut("one end stayed open after the other had closed"), HALF_OPEN_MS);
    });
    from.once("error", (error) => this.#cut(`the connection of ${who} broke: ${errorMessage(error)}`));
    from.once("close", () => {
      this.#why ??= `${who} closed it`;
      // Cut before its end: what is left on the other side has nobody to go to.
      if (!from.readableEnded) to.destroy();
      this.#open -= 1;
      if (this.#open === 0) this.#ended.resolve();
    });
    // It closed before anybody listened.
    if (from.closed) from.emit("close");
  }

  #pass(direction: Direction, chunk: Buffer): readonly Uint8Array[] {
    let frames: ParsedFrame[];
    try {
      frames = this.#parser.push(direction, chunk);
    } catch (error) {
      this.#refuse(error);
      return [];
    }
    const pieces: Uint8Array[] = [];
    for (const { bytes, events } of frames) {
      pieces.push(bytes);
      for (const event of events) {
        this.#summary.add(direction, event);
        this.#recording.add(direction, event);
      }
    }
    if (this.#recording.full) {
      this.#up.holdForRecord();
      this.#down.holdForRecord();
      this.#deps.streamRoom.whenRoom(this.#resume);
    }
    return pieces;
  }

  readonly #resume = (): void => {
    this.#up.goOn();
    this.#down.goOn();
  };

  #endOf(direction: Direction): void {
    try {
      this.#parser.end(direction);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    if (!(error instanceof Refusal)) {
      this.#deps.log.error("unexpected error in a tunnel", { exchange: this.#exchange.id, error });
    }
    this.#cut(error instanceof Refusal ? error.message : "the gateway met an unexpected error");
  }

  #cut(why: string): void {
    this.#exchange.cut ??= why;
    this.#client.destroy();
    this.#upstream.destroy();
  }
}
