import type { EventRow } from "./event.ts";
import { eventTime } from "./event-time.ts";

const CHANNELS = ["stdin", "stdout", "stderr", "error", "resize", "data"] as const;
export type FrameChannel = (typeof CHANNELS)[number];

/** What went over one channel of an exec, attach or port-forward at one moment, as it is on record. */
export interface StreamFrame {
  /** Milliseconds since the epoch, with a fraction. */
  at: number;
  channel: FrameChannel;
  stream: number;
  /** How much went, whether or not it is on record. */
  bytes: number;
  /** Undefined where the level of recording kept none of it. */
  data: Buffer | undefined;
}

const isChannel = (value: unknown): value is FrameChannel => CHANNELS.includes(value as FrameChannel);
const wholeNumber = (value: unknown): number => (Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : 0);

/**
 * The frames of a `stream.frame` event, in their order; none of any other. A row may have been edited since it was
 * recorded: what is no frame is left out, since proving that is for verifying the chain.
 */
export function framesOf(event: Pick<EventRow, "kind" | "payload" | "at">): StreamFrame[] {
  if (event.kind !== "stream.frame") return [];
  const recorded = payloadOf(event).frames;
  if (!Array.isArray(recorded)) return [];
  const frames: StreamFrame[] = [];
  for (const one of recorded as (Record<string, unknown> | null)[]) {
    if (one === null || typeof one !== "object" || !isChannel(one.channel)) continue;
    const data = typeof one.data === "string" ? Buffer.from(one.data, "base64") : undefined;
    frames.push({
      at: typeof one.at === "number" && Number.isFinite(one.at) ? one.at : eventTime(event),
      channel: one.channel,
      stream: wholeNumber(one.stream),
      bytes: wholeNumber(one.bytes),
      data,
    });
  }
  return frames;
}

/** An event's payload as an object; an empty one where somebody broke it. */
export function payloadOf(event: Pick<EventRow, "payload">): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(event.payload);
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
  } catch {
    return {}; // an altered row is still shown; verifying the chain is what tells that it was
  }
}

export interface TerminalSize {
  cols: number;
  rows: number;
}

/** Nobody's terminal is larger, and an emulator of one keeps a cell for each place. */
const LARGEST: TerminalSize = { cols: 1000, rows: 500 };
const LONGEST_SIZE = 256;

/** Reads the channel `resize`, a series of JSON objects {"Width","Height"} (TerminalSize of k8s.io/client-go), in any pieces. */
export class ResizeReader {
  #rest = "";

  /** The last size that is complete by now, or undefined where there is none. */
  push(data: Uint8Array): TerminalSize | undefined {
    this.#rest += Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1");
    let size: TerminalSize | undefined;
    for (const [text] of this.#rest.matchAll(/\{[^{}]*\}/g)) size = sizeOf(text) ?? size;
    this.#rest = this.#rest.slice(this.#rest.lastIndexOf("}") + 1).slice(-LONGEST_SIZE);
    return size;
  }
}

function sizeOf(text: string): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    if (wholeNumber(Width) === 0 || wholeNumber(Height) === 0) return undefined;
    return { cols: Math.min(Number(Width), LARGEST.cols), rows: Math.min(Number(Height), LARGEST.rows) };
  } catch {
    return undefined;
  }
}
