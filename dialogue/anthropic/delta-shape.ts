import { valueSpan } from "../json/spans.ts";

/** The field of a delta of words, by its type. */
const WORDS: ReadonlyMap<unknown, string> = new Map([
  ["text_delta", "text"],
  ["thinking_delta", "thinking"],
]);

/** What a string cannot hold as it is (RFC 8259 §7), and what begins an escape. */
const NOT_PLAIN = /[\\\p{Cc}]/u;
const SPACE = 0x20;

/**
 * The data of an event that brings words, around them: of a reply's events nearly all are the same but for their words. One
 * that differs from an event that was read in the characters of this one string says the same to every reader.
 */
export class DeltaShape {
  readonly #before: string;
  readonly #behind: string;

  private constructor(before: string, behind: string) {
    this.#before = before;
    this.#behind = behind;
  }

  /** Of an event's data, which was read as JSON with this delta in it. Undefined where it brings no words. */
  static of(data: string, delta: Record<string, unknown>): DeltaShape | undefined {
    const field = WORDS.get(delta.type);
    if (field === undefined || typeof delta[field] !== "string") return undefined;
    const span = valueSpan(data, ["delta", field]);
    if (span === undefined || data[span.start] !== '"' || data[span.end - 1] !== '"') return undefined;
    return new DeltaShape(data.slice(0, span.start + 1), data.slice(span.end - 1).replace(/ +$/, ""));
  }

  /** The words of data of this very shape; undefined where it is not, or where they are not written plainly. */
  words(data: string): string | undefined {
    if (!data.startsWith(this.#before)) return undefined;
    const end = data.indexOf('"', this.#before.length);
    if (end < 0 || !data.startsWith(this.#behind, end)) return undefined;
    // The API fills its events up with spaces.
    for (let i = end + this.#behind.length; i < data.length; i++) if (data.charCodeAt(i) !== SPACE) return undefined;
    const words = data.slice(this.#before.length, end);
    return NOT_PLAIN.test(words) ? undefined : words;
  }
}
