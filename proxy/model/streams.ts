import type { Passing, ReplySink } from "../../dialogue/sse/passing.ts";
import { BodyReader } from "../answer/body-reader.ts";
import type { HttpResponse } from "../http.ts";
import { ClientGone } from "../step.ts";
import { type UpstreamResponse, unreachable } from "../upstream.ts";

/** Throws where a piece of an answer must not be passed on. */
type Refuse = (piece: Uint8Array) => void;

/** An answer's body as it comes, read no further ahead than a little. */
export async function* chunksOf(response: UpstreamResponse, refuse: Refuse): AsyncGenerator<Uint8Array> {
  const reader = new BodyReader(response);
  let whole = false;
  try {
    for (let chunks = await reader.next(); chunks !== undefined; chunks = await reader.next()) {
      for (const chunk of chunks) {
        refuse(chunk);
        yield chunk;
      }
    }
    whole = true;
  } finally {
    if (!whole) reader.abort(new ClientGone());
  }
}

/**
 * Writes a body as it comes, waiting where the client does not read, and ends it cleanly where `bytes` ends. Resolves with how
 * many bytes it was. Throws ClientGone where nobody is there to read.
 */
export async function writeAll(res: HttpResponse, bytes: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const chunk of bytes) {
    if (res.destroyed) throw new ClientGone();
    size += chunk.length;
    if (!res.write(chunk)) await roomIn(res);
  }
  if (res.destroyed) throw new ClientGone();
  res.end();
  return size;
}

function roomIn(res: HttpResponse): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      res.off("drain", drained).off("close", closed);
    };
    const drained = (): void => {
      done();
      resolve();
    };
    const closed = (): void => {
      done();
      reject(new ClientGone());
    };
    res.on("drain", drained).on("close", closed);
  });
}

/**
 * Passes an answer on to its client, chunk by chunk in the turn in which it came, and ends it cleanly where the reply ends.
 * Resolves with how many bytes the client got. Rejects with ClientGone where nobody is there to read, and cancels the answer
 * wherever it is not read to its end.
 */
export function passOn(
  response: UpstreamResponse,
  res: HttpResponse,
  begin: (sink: ReplySink) => Passing,
  refuse: Refuse = () => {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    let size = 0;
    let whole = false;
    const drained = (): void => passing.drained();
    const over = (): void => {
      res.off("drain", drained).off("close", gone);
      if (!whole) response.abort(new ClientGone());
    };
    const gone = (): void => {
      passing.stop();
      over();
      reject(new ClientGone());
    };
    const passing = begin({
      write(bytes) {
        // Its `close` comes next.
        if (res.destroyed) return false;
        size += bytes.length;
        return res.write(bytes);
      },
      end() {
        over();
        if (res.destroyed) {
          reject(new ClientGone());
          return;
        }
        res.end();
        resolve(size);
      },
      more: () => response.resume(),
    });
    res.on("drain", drained).on("close", gone);
    if (res.destroyed) {
      gone();
      return;
    }
    passing.drained();
    response.pipe({
      write(chunk) {
        try {
          refuse(chunk);
        } catch (error) {
          passing.fail(error);
          return false;
        }
        return passing.push(chunk);
      },
      end() {
        whole = true;
        passing.end();
      },
      fail(error) {
        whole = true;
        if (res.destroyed) gone();
        else passing.fail(unreachable(error));
      },
    });
  });
}
