import type { Answered, Forwarded } from "../exchange.ts";
import { answerHeaders } from "../headers.ts";
import { CLIENT_GONE, ClientGone } from "../step.ts";
import { keptBodyOf, wholeContent } from "./kept-body.ts";

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
    const resume = (): void => response.resume();
    let settled = false;
    const settle = (): void => {
      if (settled) return;
      settled = true;
      res.off("close", gone);
      res.off("drain", resume);
      kept?.forget(resume);
      const answered = Object.assign(exchange, { maskedFields: [], responseBytes: size });
      if (kept === undefined) resolve(answered);
      else resolve(kept.end().then((content) => Object.assign(answered, content)));
    };
    const gone = (): void => {
      exchange.cut ??= CLIENT_GONE;
      response.abort(new ClientGone());
      settle();
    };
    res.once("close", gone);
    res.on("drain", resume);
    res.writeHead(response.status, answerHeaders(response.headers, id, warnings));
    response.pipe({
      write: (chunk) => {
        size += chunk.length;
        kept?.add(chunk);
        const room = res.write(chunk);
        if (kept?.full !== true) return room;
        kept.whenRoom(resume);
        return false;
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
