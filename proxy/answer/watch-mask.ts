import { isUtf8 } from "node:buffer";
import { Refusal } from "../../base/errors.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import type { Masker } from "../../engine/mask/masker.ts";
import type { KubernetesObject } from "../../kubernetes/types.ts";
import { isPlainEvent, watchEvent } from "../../kubernetes/watch-event.ts";
import { WatchFrames } from "../../kubernetes/watch-frames.ts";
import type { MaskedFields } from "./masked-fields.ts";
import type { BodyTransform } from "./stream-answer.ts";

/** A masked event as the client reads it. */
export type WriteFrame = (event: unknown) => Buffer;

const NEWLINE = Buffer.from("\n");

/** Masks a watch frame by frame: nothing of a frame is passed before all of it was seen, and only one is held. */
export class WatchMask implements BodyTransform {
  readonly #masker: Masker;
  readonly #fields: MaskedFields;
  readonly #write: WriteFrame | undefined;
  readonly #frames = new WatchFrames();
  /** Only the first event of a watch of Tables has them (k8s.io/apiserver handlers/response.go). */
  #columns: unknown;

  /** Without `write` events go as JSON, and those in which nothing can be masked as the bytes that they were. */
  constructor(masker: Masker, fields: MaskedFields, write?: WriteFrame) {
    this.#masker = masker;
    this.#fields = fields;
    this.#write = write;
  }

  push(chunk: Buffer): Buffer[] {
    return this.#frames.push(chunk).flatMap((frame) => this.#mask(frame));
  }

  end(): Buffer[] {
    const rest = this.#frames.end();
    return rest === undefined ? [] : this.#mask(rest);
  }

  #mask(frame: Buffer): Buffer[] {
    if (!isUtf8(frame)) throw new Refusal("unmaskable", "a watch event is not UTF-8");
    if (this.#write === undefined && !this.#masker.mayMask(frame) && isPlainEvent(frame)) return [frame, NEWLINE];
    const event = watchEvent(parse(frame));
    const { object } = event;
    if (Array.isArray(object.rows)) this.#maskTable(event, object);
    else this.#fields.add(this.#masker.maskAnswer(event));
    return this.#write === undefined ? [Buffer.from(`${JSON.stringify(event)}\n`)] : [this.#write(event)];
  }

  #maskTable(event: unknown, table: KubernetesObject): void {
    const { columnDefinitions } = table;
    const has = Array.isArray(columnDefinitions) && columnDefinitions.length > 0;
    if (has) this.#columns = columnDefinitions;
    else if (this.#columns !== undefined) table.columnDefinitions = this.#columns;
    this.#fields.add(this.#masker.maskAnswer(event));
    if (!has) table.columnDefinitions = columnDefinitions;
  }
}

function parse(frame: Buffer): unknown {
  try {
    return parseLossless(frame.toString("utf8"));
  } catch {
    // V8's message quotes the text.
    throw new Refusal("unmaskable", "a watch event is not JSON and cannot be masked");
  }
}
