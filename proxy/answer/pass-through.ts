import type { Answered, Forwarded } from "../exchange.ts";
import { answerHeaders } from "../headers.ts";
import { CLIENT_GONE, ClientGone } from "../step.ts";
import { contentOf, keptBodyOf, wholeContent } from "./kept-body.ts";

/** Passes on an answer that no mask can apply to, untouched: at once where it is all there, else as a stream. */
export function passThrough(exchange: Forwarded): Answered | Promise<Answered> {
  const { response, res, id, warnings } = exchange;
  const body = response.whole();
  if (body === undefined) return stream(exchange);
  res.writeHead(response.status, answerHeaders(response.headers, id, warnings));
  res.end(body);
  return Object.assign(exchange, { maskedFields: [], responseBytes: body.length, ...wholeContent(exchange, body) });
}

/** With back-pressure from client to upstream. */
function stream(exchange: Forwarded): Promise<Answered> {
  const { response, res, id, warnings } = exchange;
  const kept = keptBodyOf(exchange);
  let size = 0;
  return new Promise((resolve) => {
    const onDrain = (): void => response.resume();
    const settle = (): void => {
      res.off("close", gone);
      res.off("drain", onDrain);
      resolve(
        Object.assign(exchange, {
          maskedFields: [],
          responseBytes: size,
          ...contentOf(kept, exchange),
        }),
      );
    };
    const gone = (): void => {
      exchange.cut ??= CLIENT_GONE;
      response.abort(new ClientGone());
      settle();
    };
    res.once("close", gone);
    res.on("drain", onDrain);
    res.writeHead(response.status, answerHeaders(response.headers, id, warnings));
    response.pipe({
      write: (chunk) => {
        size += chunk.length;
        kept?.add(chunk);
        return res.write(chunk);
      },
      end: () => {
        res.end();
        settle();
      },
      fail: (error) => {
        exchange.cut ??= exchange.signal.aborted
          ? CLIENT_GONE
          : `the upstream ended the answer early: ${error.message}`;
        settle();
        res.destroy(error);
      },
    });
    // A quiet watch must show the client that it stands: its head goes out before its first frame.
    if (exchange.attributes.watch) res.flushHeaders();
  });
}
