import type { Forwarded } from "../exchange.ts";
import type { RecordedPart } from "../withhold/recorded-answer.ts";

/** Of one answer's body so much is kept for the record. */
const LIMIT = 33_554_432;
/** And so much of all answers under way: each log that is followed is on record, and hundreds of them may stand open. */
const TOTAL_LIMIT = 268_435_456;

let total = 0;

/** The body of an answer for the record: undefined where nothing of it is kept, or learnt from it. */
export function keptBodyOf({ decision, recordedPart }: Forwarded): KeptBody | undefined {
  const keeps = decision.record === "RequestResponse" || recordedPart?.learns === true;
  return keeps ? new KeptBody(recordedPart) : undefined;
}

/** The part of an answered exchange that its body is for the record. To be called once, however the answer ended. */
export function contentOf(kept: KeptBody | undefined, { decision }: Forwarded): { responseContent?: Buffer } {
  const content = kept?.take();
  return content === undefined || decision.record !== "RequestResponse" ? {} : { responseContent: content };
}

/** As both, of a body that is here whole. */
export function wholeContent(exchange: Forwarded, body: Buffer): { responseContent?: Buffer } {
  if (exchange.recordedPart === undefined) {
    return exchange.decision.record === "RequestResponse" ? { responseContent: body } : {};
  }
  const kept = keptBodyOf(exchange);
  kept?.add(body);
  return contentOf(kept, exchange);
}

/** The beginning of an answer's body, kept for the record until the answer has ended. */
export class KeptBody {
  readonly #parts: Buffer[] = [];
  readonly #recorded: RecordedPart | undefined;
  #size = 0;
  #full = false;

  /** `recorded`: what the record may have of it, where that is not all. */
  constructor(recorded?: RecordedPart) {
    this.#recorded = recorded;
  }

  add(part: Buffer): void {
    if (this.#recorded === undefined) this.#keep(part);
    else for (const one of this.#recorded.push(part)) this.#keep(one);
  }

  /** What no longer fits is left out, and everything after it: what is kept is how the body began. */
  #keep(part: Buffer): void {
    this.#full ||= this.#size + part.length > LIMIT || total + part.length > TOTAL_LIMIT;
    if (this.#full) return;
    this.#parts.push(part);
    this.#size += part.length;
    total += part.length;
  }

  /** What was kept; it counts no longer. To be called once, however the answer ended. */
  take(): Buffer {
    for (const part of this.#recorded?.end() ?? []) this.#keep(part);
    total -= this.#size;
    this.#size = 0;
    this.#full = true;
    return Buffer.concat(this.#parts.splice(0));
  }
}
