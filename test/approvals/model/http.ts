import { Readable, Writable } from "node:stream";
import type { HttpRequest, HttpResponse } from "../../../proxy/http.ts";

/** A request as the listener would hand it over, without a socket. */
export function requestOf(
  method: string,
  url: string,
  fields: Readonly<Record<string, string>>,
  body: object,
): HttpRequest {
  const bytes = Buffer.from(JSON.stringify(body));
  const headers = { ...fields, "content-type": "application/json", "content-length": String(bytes.length) };
  return Object.assign(Readable.from([bytes], { objectMode: false }), {
    method,
    url,
    httpVersionMajor: 1,
    headers,
    rawHeaders: Object.entries(headers).flat(),
    rawTrailers: [],
    complete: true,
    socket: { remoteAddress: "127.0.0.1" },
  });
}

/** Its answer; `status` is 0 where it was cut. */
export interface Answer {
  status: number;
  text: string;
}

/** A response that is read by `answered`; destroying it is the client going away. */
export function responseTo(req: HttpRequest): { res: HttpResponse; answered: Promise<Answer> } {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(Buffer.from(chunk));
      done();
    },
  });
  const res = Object.assign(sink, {
    req,
    headersSent: false,
    statusCode: 200,
    writeHead(status: number) {
      res.statusCode = status;
      res.headersSent = true;
      return res;
    },
    flushHeaders() {},
  });
  const answered = new Promise<Answer>((resolve) => {
    res.once("close", () =>
      resolve({ status: res.writableFinished ? res.statusCode : 0, text: Buffer.concat(chunks).toString("utf8") }),
    );
  });
  return { res, answered };
}
