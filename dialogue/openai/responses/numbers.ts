import { editEvent } from "../event-text.ts";

/** `sequence_number` of the events that go out: strictly increasing, also where some were put in, or left out. */
export class SequenceNumbers {
  #shift = 0;
  #last: number | undefined;
  #inserted = false;

  /** The event with the number that it has now. `number`: as the provider has it, if it numbers at all. */
  numbered(bytes: Uint8Array, number: number | undefined): Uint8Array {
    if (number === undefined) return bytes;
    const now = this.take(number);
    return now === number ? bytes : editEvent(bytes, [{ path: ["sequence_number"], json: String(now) }]);
  }

  /** The number that takes the place of the provider's. */
  take(number: number): number {
    let now = number + this.#shift;
    if (this.#inserted && this.#last !== undefined && now <= this.#last) {
      this.#shift += this.#last + 1 - now;
      now = this.#last + 1;
    }
    this.#last = now;
    return now;
  }

  /** A number for an event of our own; undefined where the provider numbers none. */
  next(): number | undefined {
    if (this.#last === undefined) return undefined;
    this.#inserted = true;
    this.#last++;
    return this.#last;
  }

  get last(): number | undefined {
    return this.#last;
  }
}
