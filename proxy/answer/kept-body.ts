import type { Forwarded } from "../exchange.ts";
import type { RecordedPart } from "../withhold/recorded-answer.ts";
import type { Content, ContentSink } from "./content-sink.ts";

/** The body of an answer for the record: undefined where nothing of it is kept, or learnt from it. */
export function keptBodyOf({ openContent, recordedPart }: Forwarded): KeptBody | undefined {
  if (openContent === undefined && recordedPart?.learns !== true) return undefined;
  return new KeptBody(openContent?.(), recordedPart);
}

/** What the outcome says of a body that is here whole. */
export function wholeContent({ openContent, recordedPart }: Forwarded, body: Buffer): Content {
  if (recordedPart === undefined) return openContent === undefined ? {} : { responseContent: body };
  const recorded = Buffer.concat([...recordedPart.push(body), ...recordedPart.end()]);
  return openContent === undefined ? {} : { responseContent: recorded };
}

/** An answer's body on its way to the record, as the record may have it. */
export class KeptBody {
  readonly #sink: ContentSink | undefined;
  readonly #recorded: RecordedPart | undefined;

  /** `recorded`: what the record may have of it, where that is not all. Without a sink it only learns. */
  constructor(sink: ContentSink | undefined, recorded?: RecordedPart) {
    this.#sink = sink;
    this.#recorded = recorded;
  }

  add(part: Buffer): void {
    if (this.#recorded === undefined) this.#sink?.add(part);
    else for (const one of this.#recorded.push(part)) this.#sink?.add(one);
  }

  /** Whether the answer must wait until there is room: see `whenRoom`. */
  get full(): boolean {
    return this.#sink?.full === true;
  }

  whenRoom(go: () => void): void {
    this.#sink?.whenRoom(go);
  }

  forget(go: () => void): void {
    this.#sink?.forget(go);
  }

  /** What the outcome says of it. To be called once, however the answer ended. */
  async end(): Promise<Content> {
    for (const part of this.#recorded?.end() ?? []) this.#sink?.add(part);
    return (await this.#sink?.end()) ?? {};
  }
}
