import { type Readable, Transform } from "node:stream";
import { Refusal } from "../base/errors.ts";
import { bodyLength, type HttpRequest } from "./http.ts";
import { tooLarge } from "./steps/read-body.ts";

/** The body of a request that nobody here needs to understand, streamed under the same cap; null where there is none. */
export function requestStream(req: HttpRequest, limit: number): Readable | null {
  const length = bodyLength(req);
  if (length === 0) return null;
  // Over HTTP/2 trailers may follow a body of any length.
  if (length !== undefined && req.httpVersionMajor === 1) return req;
  let size = 0;
  const capped = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) done(tooLarge(limit));
      else done(null, chunk);
    },
    // Unannounced trailers are known only now (RFC 9110 §6.5.1): the upstream's copy stays without its end.
    flush: (done) => done(req.rawTrailers.length > 0 ? new Refusal("bad-header", "trailers are refused") : null),
  });
  req.on("error", (error) => capped.destroy(error));
  return req.pipe(capped);
}
