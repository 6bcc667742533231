import { hash } from "node:crypto";
import type { KnownValues } from "../../engine/mask/known-values.ts";
import type { Piece } from "./prompt-borders.ts";
import { Remembered } from "./remembered.ts";

/** Texts of all sessions that are remembered: some 20 MB. */
const GENERATION = 65_536;
/** Shorter ones are searched in less time than it takes to look them up. */
const SHORTEST = 128;
/** Between the pieces of a text; JSON has none in a string (RFC 8259 §7). */
const BREAK = Buffer.of(0);

/**
 * Remembers which texts hold nothing that is looked for: a dialogue is sent whole again with each request. They are known by
 * their SHA-256 together with what was looked for, so that nothing counts any more once there is more to look for.
 */
export class CleanTexts {
  readonly #ids = new WeakMap<KnownValues, number>();
  #lastId = 0;
  readonly #texts = new Remembered(GENERATION);

  /** The key of a text; undefined where it is not worth to be remembered. */
  keyOf(body: Buffer, pieces: readonly Piece[], lookedFor: string): string | undefined {
    const size = pieces.reduce((sum, { start, end }) => sum + end - start, 0);
    const [first] = pieces;
    if (size < SHORTEST || first === undefined) return undefined;
    const bytes =
      pieces.length === 1
        ? body.subarray(first.start, first.end)
        : Buffer.concat(pieces.flatMap(({ start, end }) => [body.subarray(start, end), BREAK]));
    return lookedFor + hash("sha256", bytes, "base64");
  }

  /** What is looked for, in a word: another one where a session knows more, or something else. */
  lookedFor(known: readonly KnownValues[], names: boolean): string {
    const sets = known.map((values) => {
      let id = this.#ids.get(values);
      if (id === undefined) {
        id = ++this.#lastId;
        this.#ids.set(values, id);
      }
      return `${id}.${values.size}`;
    });
    return `${names ? "n" : ""}${sets.join(",")}:`;
  }

  has(key: string): boolean {
    return this.#texts.has(key);
  }

  add(key: string): void {
    this.#texts.add(key);
  }
}
