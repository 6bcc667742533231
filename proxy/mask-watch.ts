import { errorMessage } from "../base/errors.ts";
import type { Masker } from "../engine/mask/masker.ts";
import { WatchFrames } from "../kubernetes/watch-frames.ts";
import type { Answered, Forwarded } from "./exchange.ts";
import { answerHeaders } from "./headers.ts";
import { ClientGone } from "./step.ts";

/** Distinct masked fields that one stream puts on record. */
const FIELDS_LIMIT = 1_000;

/** Masks a watch frame by frame: nothing of a frame is passed before all of it was seen. */
export function maskWatch(exchange: Forwarded, masker: Masker): Promise<Answered> {
  const { response, res, id, warnings } = exchange;
  const frames = new WatchFrames();
  const fields = new Set<string>();
  let size = 0;
  return new Promise((resolve) => {
    const settle = (): void => {
      res.off("close", gone);
      res.off("drain", onDrain);
      resolve(Object.assign(exchange, { maskedFields: [...fields], responseBytes: size }));
    };
    // Once frames are out, what cannot be masked can only cut the stream.
    const fail = (error: unknown): void => {
      exchange.cut ??= errorMessage(error);
      settle();
      response.abort(error instanceof Error ? error : new Error(String(error)));
      res.destroy();
    };
    const gone = (): void => fail(new ClientGone());
    const onDrain = (): void => response.resume();
    const emit = (frame: Uint8Array): boolean => {
      const masked = masker.maskText(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength).toString("utf8"));
      for (const field of masked.maskedFields) if (fields.size < FIELDS_LIMIT) fields.add(field);
      const body = Buffer.from(`${masked.value}\n`);
      size += body.length;
      return res.write(body);
    };
    res.once("close", gone);
    res.on("drain", onDrain);
    const headers = answerHeaders(response.headers, id, warnings);
    delete headers["content-length"];
    res.writeHead(response.status, headers);
    response.pipe({
      write: (chunk) => {
        try {
          let room = true;
          for (const frame of frames.push(chunk)) room = emit(frame) && room;
          return room;
        } catch (error) {
          fail(error);
          return true;
        }
      },
      end: () => {
        try {
          const rest = frames.end();
          if (rest !== undefined) emit(rest);
        } catch (error) {
          fail(error);
          return;
        }
        res.end();
        settle();
      },
      fail,
    });
    res.flushHeaders();
  });
}
