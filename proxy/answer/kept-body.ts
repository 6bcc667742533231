/** Of one answer's body so much is kept for the record. */
const LIMIT = 33_554_432;
/** And so much of all answers under way: each log that is followed is on record, and hundreds of them may stand open. */
const TOTAL_LIMIT = 268_435_456;

let total = 0;

/** The beginning of an answer's body, kept for the record until the answer has ended. */
export class KeptBody {
  readonly #parts: Buffer[] = [];
  #size = 0;
  #full = false;

  /** What no longer fits is left out, and everything after it: what is kept is how the body began. */
  add(part: Buffer): void {
    this.#full ||= this.#size + part.length > LIMIT || total + part.length > TOTAL_LIMIT;
    if (this.#full) return;
    this.#parts.push(part);
    this.#size += part.length;
    total += part.length;
  }

  /** What was kept; it counts no longer. To be called once, however the answer ended. */
  take(): Buffer {
    total -= this.#size;
    this.#size = 0;
    this.#full = true;
    return Buffer.concat(this.#parts.splice(0));
  }
}
