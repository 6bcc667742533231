import type { Writable } from "node:stream";
import type { Gzip } from "node:zlib";
import { errorMessage } from "../../base/errors.ts";
import type { Forwarded } from "../exchange.ts";
import { CLIENT_GONE, ClientGone } from "../step.ts";
import { UpstreamFailure } from "../upstream.ts";
import type { BodyReader } from "./body-reader.ts";
import { gzipStream } from "./content-coding.ts";
import type { Content } from "./content-sink.ts";
import { type KeptBody, keptBodyOf } from "./kept-body.ts";

/** What becomes of a body on its way to the client. What throws cuts the answer: nothing after it is passed. */
export interface BodyTransform {
  /** What may go out once this chunk has come. */
  push(chunk: Buffer): Buffer[];
  /** What is left at the end of the body. */
  end(): Buffer[];
  /** What may go out where nothing has come for `quietMs`, which is undefined while nothing is held back. */
  quiet?(): Buffer[];
  readonly quietMs?: number | undefined;
}

export interface StreamOptions {
  headers: Record<string, string | string[]>;
  /** The headers say that the body is compressed. */
  compress?: boolean;
  /** What was read of the body already. */
  opening?: Buffer[];
}

/** Parts of fewer bytes are copied together before they are written. */
const COPIED = 8_192;

export interface Streamed extends Content {
  /** Bytes before compression. */
  responseBytes: number;
}

/**
 * Answers with a body as it comes, with back-pressure from client to upstream. Once the head is out, whatever goes
 * wrong can only cut the answer: it is on record as `cut`, and the client never sees a clean end.
 */
export async function streamAnswer(
  exchange: Forwarded,
  reader: BodyReader,
  transform: BodyTransform,
  options: StreamOptions,
): Promise<Streamed> {
  const { res, response } = exchange;
  const kept = keptBodyOf(exchange);
  let size = 0;
  const out = new ClientWriter(res, options.compress === true);
  const gone = (): void => reader.abort(new ClientGone());
  res.once("close", gone);
  const send = (parts: Buffer[]): Promise<void> | undefined => {
    for (const part of parts) {
      size += part.length;
      kept?.add(part);
    }
    const full = out.write(gathered(parts));
    return kept?.full === true ? Promise.all([full, roomFor(kept)]).then(() => {}) : full;
  };
  try {
    res.writeHead(response.status, options.headers);
    // A quiet stream must show the client that it stands: its head goes out before its body.
    res.flushHeaders();
    await send((options.opening ?? []).flatMap((chunk) => transform.push(chunk)));
    for (;;) {
      const chunks = await reader.next(transform.quietMs);
      if (chunks === undefined) break;
      const parts = chunks === "quiet" ? (transform.quiet?.() ?? []) : chunks.flatMap((chunk) => transform.push(chunk));
      const full = send(parts);
      if (full !== undefined) await full;
    }
    await send(transform.end());
    await out.end();
  } catch (error) {
    exchange.cut ??= whyCut(exchange, error);
    reader.abort(error instanceof Error ? error : new Error(errorMessage(error)));
    out.destroy();
  } finally {
    res.off("close", gone);
  }
  return { responseBytes: size, ...(await kept?.end()) };
}

function roomFor(kept: KeptBody): Promise<void> {
  return new Promise((resolve) => kept.whenRoom(resolve));
}

/** Small parts put together: to copy what is larger costs more than to write it by itself. */
function gathered(parts: Buffer[]): Buffer[] {
  if (parts.length < 2) return parts;
  const whole: Buffer[] = [];
  let small: Buffer[] = [];
  for (const part of parts) {
    if (part.length < COPIED) {
      small.push(part);
      continue;
    }
    if (small.length > 0) whole.push(Buffer.concat(small));
    small = [];
    whole.push(part);
  }
  if (small.length > 0) whole.push(Buffer.concat(small));
  return whole;
}

function whyCut(exchange: Forwarded, error: unknown): string {
  if (exchange.signal.aborted || error instanceof ClientGone) return CLIENT_GONE;
  if (!(error instanceof UpstreamFailure)) return errorMessage(error);
  return `the upstream ended the answer early: ${errorMessage(error.details.cause)}`;
}

/** The way to the client: what is written waits for room, and fails once the client has gone. */
class ClientWriter {
  readonly #res: Writable;
  /** Compresses, and flows to the client by itself. */
  readonly #gzip: Gzip | undefined;
  readonly #out: Writable;
  #settle: { resolve: () => void; reject: (error: Error) => void } | undefined;

  constructor(res: Writable, compress: boolean) {
    this.#res = res;
    this.#gzip = compress ? gzipStream() : undefined;
    this.#gzip?.on("error", (error) => res.destroy(error)).pipe(res);
    this.#out = this.#gzip ?? res;
    this.#out.on("drain", this.#onDrain);
    res.on("close", this.#onClose);
  }

  readonly #onDrain = (): void => this.#settle?.resolve();
  readonly #onClose = (): void => this.#settle?.reject(new ClientGone());

  /** A promise where the client has to be waited for. */
  write(parts: Buffer[]): Promise<void> | undefined {
    if (this.#res.destroyed) throw new ClientGone();
    let room = true;
    for (const part of parts) room = this.#out.write(part);
    return room ? undefined : this.#wait();
  }

  async end(): Promise<void> {
    if (this.#res.destroyed) throw new ClientGone();
    const finished = this.#wait();
    this.#res.once("finish", () => this.#settle?.resolve());
    this.#out.end();
    await finished;
    this.#forget();
  }

  #wait(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#settle = { resolve, reject };
    }).finally(() => {
      this.#settle = undefined;
    });
  }

  /** Never a clean end: what is compressed and not out yet is dropped. */
  destroy(): void {
    this.#forget();
    this.#gzip?.unpipe(this.#res);
    this.#gzip?.destroy();
    this.#res.destroy();
  }

  #forget(): void {
    this.#out.off("drain", this.#onDrain);
    this.#res.off("close", this.#onClose);
  }
}
