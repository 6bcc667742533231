import { createGunzip, type Gunzip } from "node:zlib";
import { Refusal } from "../../base/errors.ts";
import type { Sink, UpstreamResponse } from "../upstream.ts";

/** A body that flows to a sink, and waits where the sink asks for it. */
export interface AnswerBody {
  pipe(sink: Sink): void;
  resume(): void;
  abort(error: Error): void;
}

/** Deflate makes at most 1,032 bytes of one (RFC 1951 §3.2.5). No list of objects shrinks so; a bomb does. */
const RATIO_LIMIT = 200;
/** Up to here the ratio is nobody's business: one object of blanks is no bomb. */
const RATIO_FROM = 33_554_432;
const TOTAL_LIMIT = 4_294_967_296;

/**
 * The body of an answer without its content coding, so that it can be looked into; undefined where it has one that
 * is not known. An API server that is not asked for gzip sends none, and what stands between may do so unasked.
 */
export function decodedBody(response: UpstreamResponse): AnswerBody | undefined {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding === "identity" || encoding === "") return response;
  return encoding === "gzip" ? new Gunzipped(response) : undefined;
}

class Gunzipped implements AnswerBody {
  readonly #body: AnswerBody;
  readonly #gunzip: Gunzip = createGunzip();
  #in = 0;
  #out = 0;

  constructor(body: AnswerBody) {
    this.#body = body;
  }

  pipe(sink: Sink): void {
    const gunzip = this.#gunzip;
    gunzip.on("data", (chunk: Buffer) => {
      this.#out += chunk.length;
      if (this.#isBomb()) this.abort(new Refusal("unmaskable", "the compressed answer is larger than any list is"));
      else if (!sink.write(chunk)) gunzip.pause();
    });
    gunzip.on("end", () => sink.end());
    gunzip.on("drain", () => this.#body.resume());
    gunzip.on("error", (error) => {
      const code = (error as NodeJS.ErrnoException).code ?? "";
      const failure = code.startsWith("Z_")
        ? new Refusal("unmaskable", "the answer says that it is gzip and is none", { cause: error })
        : error;
      this.#body.abort(failure);
      sink.fail(failure);
    });
    this.#body.pipe({
      write: (chunk) => {
        this.#in += chunk.length;
        return gunzip.write(chunk);
      },
      end: () => gunzip.end(),
      fail: (error) => {
        gunzip.removeAllListeners("error").on("error", () => {});
        gunzip.destroy();
        sink.fail(error);
      },
    });
  }

  #isBomb(): boolean {
    return this.#out > TOTAL_LIMIT || (this.#out > RATIO_FROM && this.#out > this.#in * RATIO_LIMIT);
  }

  resume(): void {
    this.#gunzip.resume();
  }

  abort(error: Error): void {
    this.#gunzip.destroy(error);
  }
}
