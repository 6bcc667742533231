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
import { TunnelRedaction } from "./tunnel-redaction.ts";
import { chosenSubprotocol, switchingHeaders, type Upgrade } from "./upgrade.ts";
import type { UpgradeSocket } from "./upgrade-socket.ts";

/** How long one end may stay open after the other has closed its side: the API server ends both at once. */
const HALF_OPEN_MS = 30_000;
/** After so long a person who reads along waits for what the search holds back. */
const QUIET_MS = 100;
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
  // What runs through a forwarded port is no output of the pod's, and may be compressed or encrypted.
  const redaction =
    subresource === "portforward" ? undefined : new TunnelRedaction(deps.knownValues.of(exchange.session.id));
  const why = await new Tunnel(client.socket, upstream, { parser, summary, redaction }, exchange, deps).run(early);
  const found = redaction?.found ?? { maskedFields: [] };
  deps.recorder.record({
    ...exchangeEvent(exchange, "stream.closed"),
    status: 101,
    masked_fields: found.maskedFields,
    payload: {
      reason: exchange.cut ?? why,
      subprotocol,
      bytes: summary.bytes,
      ...summary.exit,
      ...(redaction === undefined || redaction.redactions === 0 ? {} : { redactions: redaction.redactions }),
    },
  });
  return Object.assign(exchange, { ...found, responseBytes: summary.down });
}

interface Side {
  parser: TunnelParser;
  summary: StreamSummary;
  redaction: TunnelRedaction | undefined;
}

class Tunnel {
  readonly #client: Duplex;
  readonly #upstream: Duplex;
  readonly #side: Side;
  readonly #exchange: Forwarded;
  readonly #deps: Deps;
  readonly #recording: StreamRecording;
  readonly #up: TunnelPump;
  readonly #down: TunnelPump;
  readonly #ended = Promise.withResolvers<void>();
  #open = 2;
  #why: string | undefined;
  #late: NodeJS.Timeout | undefined;
  #quiet: NodeJS.Timeout | undefined;

  constructor(client: Duplex, upstream: Duplex, side: Side, exchange: Forwarded, deps: Deps) {
    this.#client = client;
    this.#upstream = upstream;
    this.#side = side;
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
    clearTimeout(this.#quiet);
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

  /** What of a chunk may go on now, read, searched and on its way to the record. */
  #pass(direction: Direction, chunk: Buffer): readonly Uint8Array[] {
    return this.#guarded(() => {
      const frames = this.#side.parser.push(direction, chunk);
      const { redaction } = this.#side;
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
        this.#side.summary.add(direction, event);
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
    const { redaction } = this.#side;
    if (redaction !== undefined) this.#down.write(this.#guarded(() => this.#note("down", redaction.flush())));
  }

  readonly #resume = (): void => {
    this.#up.goOn();
    this.#down.goOn();
  };

  #endOf(direction: Direction): void {
    if (direction === "down") this.#flush();
    this.#guarded(() => {
      this.#side.parser.end(direction);
      return [];
    });
  }

  /** What cannot be read, searched or noted passes on nothing, and ends the tunnel. */
  #guarded(work: () => Uint8Array[]): Uint8Array[] {
    try {
      return work();
    } catch (error) {
      this.#refuse(error);
      return [];
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
