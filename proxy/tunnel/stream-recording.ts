import type { KnownValues } from "../../engine/mask/known-values.ts";
import type { ChannelName, Direction, TunnelEvent } from "../../kubernetes/channels/types.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent, nowMs } from "../events.ts";
import type { Known } from "../exchange.ts";
import { RecordedFrames } from "../withhold/recorded-frames.ts";

/** An event of the record holds so much of a tunnel, or what came within so long. */
const BATCH_BYTES = 65_536;
const BATCH_MS = 500;
/** How long the record waits for what could make a value of the last that was typed: letters come one by one. */
const HELD_MS = 5_000;
/** What a frame weighs beside its data. */
const FRAME_BYTES = 64;

type StreamDeps = Pick<Deps, "recorder" | "streamRoom" | "knownValues" | "recordValues">;

/** One entry of a `stream.frame` event's payload. */
interface RecordedFrame {
  /** Milliseconds since the epoch, to the microsecond. */
  at: number;
  channel: ChannelName;
  stream: number;
  bytes: number;
  /** Base64, where the record level keeps it. */
  data?: string;
  /** Of port-forward, whose one channel runs both ways. */
  direction?: Direction;
  /** A forwarded connection begins: the pod's port. */
  port?: number;
  /** The stream ended at once. */
  reset?: number;
}

/** What is typed and what decides belongs to the request; what comes of it to the response. */
const OF_THE_REQUEST: ReadonlySet<ChannelName> = new Set(["stdin", "resize", "error"]);

/**
 * Puts what runs through a tunnel on record, in batches: who sent how much on which channel and when, and the bytes
 * themselves where the record level says so. Nothing is ever dropped: see `full`.
 */
export class StreamRecording {
  readonly #exchange: Known;
  readonly #deps: StreamDeps;
  readonly #fail: (error: unknown) => void;
  readonly #level: string;
  readonly #withheld: { up: KnownValues[]; down: KnownValues[] };
  readonly #searched = new RecordedFrames<RecordedFrame>();
  #lastAt = 0;
  #frames: RecordedFrame[] = [];
  #size = 0;
  #timer: NodeJS.Timeout | undefined;
  #last: Promise<void> = Promise.resolve();

  /** `fail` is called where the record cannot be kept: the tunnel must end then. */
  constructor(exchange: Known, deps: StreamDeps, fail: (error: unknown) => void) {
    this.#exchange = exchange;
    this.#deps = deps;
    this.#fail = fail;
    this.#level = exchange.decision?.record ?? "Metadata";
    const { knownValues, recordValues } = deps;
    const id = exchange.session?.id ?? "";
    const both = [knownValues.of(id), recordValues.of(id)];
    // What a terminal shows was searched for what its session must not see before it got here.
    const shown = exchange.attributes?.subResource === "portforward" ? both : [recordValues.of(id)];
    this.#withheld = { up: both, down: shown };
  }

  /** Whether the tunnel must stop reading until what it said so far is on disk. */
  get full(): boolean {
    return this.#deps.streamRoom.full;
  }

  add(direction: Direction, event: TunnelEvent): void {
    if (this.#level === "None" || event.kind === "closing") return;
    this.#put(direction, event);
    this.#end(direction, event);
    this.#take();
    if (this.#size >= BATCH_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#tick(), BATCH_MS);
  }

  #put(direction: Direction, event: Exclude<TunnelEvent, { kind: "closing" }>): void {
    const payload = event.kind === "data" ? event.payload : undefined;
    // The ends of a stream that say nothing are in `stream.closed`.
    if (payload?.length === 0) return;
    const frame: RecordedFrame = {
      at: Math.round(nowMs() * 1000) / 1000,
      channel: event.channel,
      stream: event.stream,
      bytes: payload?.length ?? 0,
    };
    if (event.channel === "data") frame.direction = direction;
    if (event.kind === "opened" && event.port !== undefined) frame.port = event.port;
    if (event.kind === "reset") frame.reset = event.status;
    this.#lastAt = frame.at;
    if (payload !== undefined && this.#keeps(event.channel, direction)) {
      this.#searched.add(frame, { key: keyOf(direction, event), payload, known: this.#withheld[direction] });
    } else this.#searched.add(frame);
  }

  /** A forwarded port has a stream for each connection: those that are over are not searched any more. */
  #end(direction: Direction, event: TunnelEvent): void {
    if (event.kind === "data" && event.fin) this.#searched.end(keyOf(direction, event));
    if (event.kind !== "reset") return;
    for (const side of ["up", "down"] as const) this.#searched.end(keyOf(side, event));
  }

  /** What could still become a value waits for what comes after it, and not for ever. */
  #tick(): void {
    this.#timer = undefined;
    this.#take(nowMs() - this.#lastAt > HELD_MS);
    this.#flush();
    if (this.#searched.held) this.#timer ??= setTimeout(() => this.#tick(), BATCH_MS);
  }

  #take(all = false): void {
    for (const frame of this.#searched.take(all)) {
      this.#frames.push(frame);
      this.#size += FRAME_BYTES + (frame.data?.length ?? 0);
    }
  }

  /** Resolves when all is on disk, or the tunnel was told that it cannot be. */
  async close(): Promise<void> {
    this.#take(true);
    this.#flush();
    await this.#last;
  }

  #keeps(channel: ChannelName, direction: Direction): boolean {
    if (this.#level === "RequestResponse") return true;
    return this.#level === "Request" && (OF_THE_REQUEST.has(channel) || (channel === "data" && direction === "up"));
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#frames.length === 0) return;
    const size = this.#size;
    const payload = { frames: this.#frames };
    this.#frames = [];
    this.#size = 0;
    this.#deps.streamRoom.take(size);
    this.#last = this.#deps.recorder
      .recordDurably({ ...exchangeEvent(this.#exchange, "stream.frame"), payload })
      .catch(this.#fail)
      .finally(() => this.#deps.streamRoom.give(size));
  }
}

function keyOf(direction: Direction, { channel, stream }: { channel: ChannelName; stream: number }): string {
  return `${direction} ${channel} ${stream}`;
}
