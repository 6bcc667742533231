import { Readable } from "node:stream";
import type { FastifyRequest } from "fastify";
import { HeadWatch } from "../audit/head-watch.ts";
import { errorMessage, Refusal } from "../base/errors.ts";
import type { Authenticated, Identity } from "../identity/types.ts";
import { reader } from "./caller.ts";
import type { ConsoleDeps } from "./deps.ts";

export interface StreamLimits {
  /** Streams of evidence at one time, of all readers together and of one. */
  all: number;
  each: number;
  /** Between two looks at the store for those who follow a session. */
  lookMs: number;
  /** How soon a stream ends whose reader's token or session has. */
  checkMs: number;
  /** A reader that takes nothing for so long is gone. */
  stalledMs: number;
}

const LIMITS: StreamLimits = { all: 64, each: 8, lookMs: 500, checkMs: 5_000, stalledMs: 60_000 };

/** Why a stream of evidence ends before its end: what a follower is told in its last words. */
export type StreamEnd = { code: "token-ended" | "gateway-closing"; detail: string };

/** Of fastify's routes that stream: its own deadline is for answers that are made in one go. */
export const STREAM_MS = 24 * 3_600_000;

/**
 * The streams of evidence that are open: they are few, each ends with its reader's token, and all of them when the
 * gateway drains.
 */
export class EvidenceStreams {
  readonly watch: HeadWatch;
  readonly #deps: ConsoleDeps;
  readonly #limits: StreamLimits;
  readonly #open = new Map<AbortController, string>();

  constructor(deps: ConsoleDeps) {
    this.#deps = deps;
    this.#limits = { ...LIMITS, ...deps.streamLimits };
    this.watch = new HeadWatch({
      store: deps.reader,
      tenant: deps.config.tenant,
      everyMs: this.#limits.lookMs,
      onError: (error) => deps.log.warn("followers of sessions wait for the store", { reason: errorMessage(error) }),
    });
    deps.draining?.addEventListener("abort", () => this.#close(), { once: true });
  }

  /**
   * The answer of one reader: what `chunks` yields. `chunks` is given a signal whose reason is a StreamEnd, and ends
   * then with whatever last words it has. Throws Refusal `too-many` where there are enough.
   */
  open(
    request: FastifyRequest,
    { identity }: Authenticated,
    chunks: (signal: AbortSignal) => AsyncGenerator<string | Uint8Array, void>,
  ): Readable {
    const who = this.#admit(identity);
    const controller = new AbortController();
    this.#open.set(controller, who);
    const check = setInterval(() => this.#check(request, controller), this.#limits.checkMs);
    const expires = setTimeout(
      () => controller.abort(TOKEN_ENDED),
      Math.min(STREAM_MS, Math.max(0, identity.expiresAt - this.#deps.clock.now())),
    );
    const { stalledMs } = this.#limits;
    let stalled: NodeJS.Timeout | undefined;
    const close = (): void => {
      clearInterval(check);
      clearTimeout(expires);
      clearTimeout(stalled);
      this.#open.delete(controller);
    };
    async function* paced(): AsyncGenerator<string | Uint8Array, void> {
      for await (const chunk of chunks(controller.signal)) {
        // The next one is asked for when this one has gone out, or is near it.
        stalled = setTimeout(() => stream.destroy(new Error("the reader takes nothing")), stalledMs).unref();
        yield chunk;
        clearTimeout(stalled);
      }
    }
    // Bytes, not objects: so many events wait for a slow reader as fit in 64 KiB, however large each is.
    const stream = Readable.from(paced(), { objectMode: false, highWaterMark: 65_536 });
    // A generator that waits for the store hears of its reader's going at the next chunk only: it is woken.
    const destroy = stream._destroy.bind(stream);
    stream._destroy = (error, done) => {
      close();
      if (!controller.signal.aborted) controller.abort(TOKEN_ENDED);
      destroy(error, done);
    };
    return stream;
  }

  #close(): void {
    for (const controller of this.#open.keys()) controller.abort(CLOSING);
  }

  #admit({ issuer, username }: Identity): string {
    const who = JSON.stringify([issuer, username]);
    const own = [...this.#open.values()].filter((other) => other === who).length;
    if (own < this.#limits.each && this.#open.size < this.#limits.all) return who;
    throw new Refusal("too-many", "too many streams of evidence are open", {
      next: "End one of yours, or try again later.",
      retryAfterSeconds: 10,
    });
  }

  #check(request: FastifyRequest, controller: AbortController): void {
    reader(this.#deps, request).catch(() => controller.abort(TOKEN_ENDED));
  }
}

const TOKEN_ENDED: StreamEnd = { code: "token-ended", detail: "your token or session has ended" };
const CLOSING: StreamEnd = { code: "gateway-closing", detail: "the gateway is ending; connect again" };
