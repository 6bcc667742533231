import type { EventDraft } from "../../audit/event.ts";
import { PART_BYTES } from "../../audit/recorder/contents.ts";
import { errorMessage } from "../../base/errors.ts";
import type { Deps } from "../deps.ts";
import { exchangeEvent, nowMs } from "../events.ts";
import type { Forwarded } from "../exchange.ts";
import { isFollowed } from "../keep-open.ts";

/** An event of the record holds so much of what is followed, or what came within so long. */
const BATCH_BYTES = 65_536;
const BATCH_MS = 500;
/** What a frame weighs beside its data. */
const FRAME_BYTES = 64;

export interface Content {
  responseContent?: Buffer;
  responseStream?: NonNullable<EventDraft["response_stream"]>;
}

type SinkDeps = Pick<Deps, "recorder" | "streamRoom">;

/**
 * Takes an answer's body for the record while it is answered. Memory holds no more than 1 MiB of each, and of all
 * together what the room for streams has; where that is full the answer waits.
 */
export interface ContentSink {
  add(part: Buffer): void;
  /** Whether no more may come until there is room: see `roomFor`. */
  readonly full: boolean;
  /** Calls back once there is room. */
  whenRoom(go: () => void): void;
  forget(go: () => void): void;
  /** Resolves when all is on its way, with what the outcome says of it. */
  end(): Promise<Content>;
}

/** `fail` is called where the record cannot be kept: the answer must end then. */
export function openSink(exchange: Forwarded, deps: SinkDeps, fail: (error: unknown) => void): ContentSink {
  return isFollowed(exchange.attributes) && exchange.response.status === 200
    ? new FollowedAnswer(exchange, deps, fail)
    : new WholeAnswer(exchange.id, deps, fail);
}

abstract class Sink {
  readonly deps: SinkDeps;
  readonly fail: (error: unknown) => void;
  last: Promise<void> = Promise.resolve();

  constructor(deps: SinkDeps, fail: (error: unknown) => void) {
    this.deps = deps;
    this.fail = fail;
  }

  get full(): boolean {
    return this.deps.streamRoom.full;
  }

  whenRoom(go: () => void): void {
    this.deps.streamRoom.whenRoom(go);
  }

  forget(go: () => void): void {
    this.deps.streamRoom.forget(go);
  }

  /** So many bytes wait for the disk until `recorded` resolves. */
  protected wait(bytes: number, recorded: Promise<void>): void {
    this.deps.streamRoom.take(bytes);
    this.last = recorded.catch(this.fail).finally(() => this.deps.streamRoom.give(bytes));
  }
}

/** An answer that ends: in memory where it is small, else on disk part by part, and one content in the end. */
class WholeAnswer extends Sink implements ContentSink {
  readonly #stream: string;
  #parts: Buffer[] = [];
  #size = 0;
  #offset = 0;

  constructor(stream: string, deps: SinkDeps, fail: (error: unknown) => void) {
    super(deps, fail);
    this.#stream = stream;
  }

  add(part: Buffer): void {
    this.#parts.push(part);
    this.#size += part.length;
    if (this.#size < PART_BYTES) return;
    const bytes = Buffer.concat(this.#parts);
    const whole = bytes.length - (bytes.length % PART_BYTES);
    for (let at = 0; at < whole; at += PART_BYTES) this.#write(bytes.subarray(at, at + PART_BYTES));
    this.#parts = [bytes.subarray(whole)];
    this.#size = bytes.length - whole;
  }

  async end(): Promise<Content> {
    const rest = Buffer.concat(this.#parts.splice(0));
    if (this.#offset === 0) return { responseContent: rest };
    if (rest.length > 0) this.#write(rest);
    await this.last;
    return { responseStream: { id: this.#stream, bytes: this.#offset } };
  }

  #write(bytes: Buffer): void {
    this.wait(bytes.length, this.deps.recorder.recordPart({ stream: this.#stream, offset: this.#offset, bytes }));
    this.#offset += bytes.length;
  }
}

/** A watch or a followed log, which may never end: on record as it comes, as what runs through a tunnel is. */
class FollowedAnswer extends Sink implements ContentSink {
  readonly #exchange: Forwarded;
  #frames: object[] = [];
  #size = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(exchange: Forwarded, deps: SinkDeps, fail: (error: unknown) => void) {
    super(deps, fail);
    this.#exchange = exchange;
  }

  add(part: Buffer): void {
    // What waits in one piece for the disk is capped, however large the piece that came.
    for (let at = 0; at < part.length; at += BATCH_BYTES) this.#frame(part.subarray(at, at + BATCH_BYTES));
  }

  async end(): Promise<Content> {
    this.#flush();
    await this.last;
    return {};
  }

  #frame(bytes: Buffer): void {
    const data = bytes.toString("base64");
    this.#frames.push({
      at: Math.round(nowMs() * 1000) / 1000,
      channel: "data",
      direction: "down",
      stream: 0,
      bytes: bytes.length,
      data,
    });
    this.#size += FRAME_BYTES + data.length;
    if (this.#size >= BATCH_BYTES) this.#flush();
    else this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#frames.length === 0) return;
    const payload = { frames: this.#frames };
    const size = this.#size;
    this.#frames = [];
    this.#size = 0;
    this.wait(size, this.deps.recorder.recordDurably({ ...exchangeEvent(this.#exchange, "stream.frame"), payload }));
  }
}

/** Says why an answer ends whose content cannot be put on record, and ends it: nothing passes that is not on record. */
export function unrecorded(exchange: Forwarded, deps: Pick<Deps, "log">): (error: unknown) => void {
  return (error) => {
    exchange.cut ??= `the answer could not be put on record: ${errorMessage(error)}`;
    deps.log.warn("an answer was cut: it could not be put on record", { exchange: exchange.id, error });
    exchange.res.destroy();
  };
}
