import { Refusal } from "../../base/errors.ts";
import { decodeBodyAside } from "../../kubernetes/body/decode-aside.ts";
import type { Deps } from "../deps.ts";
import type { BodyRead, Screened } from "../exchange.ts";
import { bodyLength, type HttpRequest } from "../http.ts";
import { ClientGone } from "../step.ts";
import type { BodyRoom } from "../under-way.ts";
import { learnSent } from "../withhold/record-masker.ts";

const DEADLINE_MS = 30_000;

/**
 * Reads and decodes the body where policy, masking or the record needs it, and leaves it unread where they do
 * not: then it streams upstream. A delete's body is always read, since its dryRun counts and the query's does
 * not (design §2).
 *
 * A Content-Encoding changes nothing: the API server takes the bytes as they are, and answers 400 to what is
 * compressed [measured on kube-apiserver 1.36.3]. It is not forwarded, so nobody between reads them otherwise.
 */
export function readBody(exchange: Screened, deps: Deps): BodyRead | Promise<BodyRead> {
  const { req } = exchange;
  const length = bodyLength(req);
  if (length !== undefined && length > deps.limits.bodyBytes) throw tooLarge(deps.limits.bodyBytes);
  // A rule may let it through for what its body says that it comes of.
  const linked = exchange.linkAgain !== undefined && exchange.input.dialogue?.strength === "exact";
  if (length === 0 || !(linked || isRead(exchange))) {
    exchange.linkAgain?.(null);
    return Object.assign(exchange, { body: null });
  }
  return decode(exchange, deps);
}

async function decode(exchange: Screened, deps: Deps): Promise<BodyRead> {
  const { req, attributes, input } = exchange;
  exchange.room = deps.underWay.bodyOf(exchange.identity);
  const bytes = await readAll(req, deps.limits.bodyBytes, exchange);
  const decoded = await decodeBodyAside(attributes, attributes.contentType, bytes, deps.limits);
  input.request.options = decoded.options;
  input.request.dryRun = decoded.dryRun;
  const read = Object.assign(exchange, { body: { ...decoded, bytes } });
  exchange.linkAgain?.(read.body);
  learnSent(read, deps);
  return read;
}

/** Whether anything but the API server needs to understand the body. */
export function isRead({ needs, verdict, attributes }: Pick<Screened, "needs" | "verdict" | "attributes">): boolean {
  return (
    needs.size > 0 ||
    verdict.effect !== "allow" ||
    verdict.mask.length > 0 ||
    verdict.record === "Request" ||
    verdict.record === "RequestResponse" ||
    attributes.operation === "DELETE"
  );
}

export function tooLarge(limit: number): Refusal {
  return new Refusal("body-too-large", `the request's body is over ${limit} bytes`);
}

/**
 * The whole body, within a deadline, a cap in bytes and the room that there is. Throws Refusals `body-too-large`, `bad-request`,
 * `bad-header`, `too-many`.
 */
export function readAll(
  req: HttpRequest,
  limit: number,
  { signal, room }: { signal: AbortSignal; room?: BodyRoom },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    // A connection that broke before this step says so no second time.
    if (signal.aborted || req.destroyed) {
      reject(new ClientGone());
      return;
    }
    const chunks: Buffer[] = [];
    let size = 0;
    const timer = setTimeout(
      () => done(new Refusal("bad-request", "the request's body did not arrive in time")),
      DEADLINE_MS,
    );
    const gone = (): void => done(new ClientGone());
    const done = (error?: Error): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", gone);
      req.off("data", onData).off("end", onEnd).off("error", gone);
      if (error === undefined) resolve(Buffer.concat(chunks, size));
      else {
        req.pause();
        reject(error);
      }
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) {
        done(tooLarge(limit));
        return;
      }
      try {
        room?.take(chunk.length);
        chunks.push(chunk);
      } catch (error) {
        done(error as Error);
      }
    };
    const onEnd = (): void => {
      // Trailers come after everything that was checked, and some servers merge them into the headers (RFC 9110 §6.5.1).
      done(req.rawTrailers.length > 0 ? new Refusal("bad-header", "trailers are refused") : undefined);
    };
    req.on("data", onData).on("end", onEnd).on("error", gone);
    signal.addEventListener("abort", gone, { once: true });
  });
}
