import { Refusal } from "../../base/errors.ts";
import { unreachable } from "../upstream.ts";
import type { AnswerBody } from "./answer-body.ts";

/** What may wait to be read before the upstream is asked to pause. */
const QUEUE_LIMIT = 131_072;

/** Reads a body chunk by chunk, no further ahead than QUEUE_LIMIT. */
export class BodyReader {
  readonly #body: AnswerBody;
  #queue: Buffer[] = [];
  #queued = 0;
  #paused = false;
  #ended = false;
  #error: Error | undefined;
  #wake: ((quiet?: boolean) => void) | undefined;

  constructor(body: AnswerBody) {
    this.#body = body;
    body.pipe({
      write: (chunk) => {
        this.#queue.push(chunk);
        this.#queued += chunk.length;
        this.#wake?.();
        this.#paused = this.#queued > QUEUE_LIMIT;
        return !this.#paused;
      },
      end: () => {
        this.#ended = true;
        this.#wake?.();
      },
      fail: (error) => {
        this.#error ??= unreachable(error);
        this.#wake?.();
      },
    });
  }

  /**
   * The chunks that have come since, at least one, in their order; undefined at the end, and `quiet` where none came
   * for `quietMs`. Throws a Refusal where the body failed.
   */
  next(): Promise<Buffer[] | undefined>;
  next(quietMs: number | undefined): Promise<Buffer[] | "quiet" | undefined>;
  async next(quietMs?: number): Promise<Buffer[] | "quiet" | undefined> {
    while (this.#queue.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return undefined;
      if (await this.#quiet(quietMs)) return "quiet";
    }
    const chunks = this.#queue;
    this.#queue = [];
    this.#queued = 0;
    if (this.#paused) {
      this.#paused = false;
      this.#body.resume();
    }
    return chunks;
  }

  /** Waits for something to happen; true where nothing did for so long. */
  #quiet(quietMs: number | undefined): Promise<boolean> {
    return new Promise<boolean>((resolve) => {
      const timer = quietMs === undefined ? undefined : setTimeout(() => this.#wake?.(true), quietMs);
      this.#wake = (quiet = false) => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve(quiet);
      };
    });
  }

  /** All that is left, up to a cap in bytes. Throws Refusal `unmaskable` over it. */
  async rest(limit: number): Promise<Buffer[]> {
    const all: Buffer[] = [];
    let size = 0;
    for (let chunks = await this.next(); chunks !== undefined; chunks = await this.next()) {
      for (const chunk of chunks) size += chunk.length;
      if (size > limit) {
        throw new Refusal("unmaskable", `the answer is over ${limit} bytes, more than can be masked at once`, {
          next: "Ask for fewer objects at a time.",
        });
      }
      all.push(...chunks);
    }
    return all;
  }

  /** Fails what is read from now on, and the upstream's answer with it. */
  abort(error: Error): void {
    this.#error ??= error;
    this.#queue = [];
    this.#body.abort(error);
    this.#wake?.();
  }
}
