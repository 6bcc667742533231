import { Refusal } from "../base/errors.ts";
import { HOLDS } from "../base/json-holds.ts";
import { HeldBytes } from "./held-bytes.ts";
import { hasControl, IS_ESCAPE, IS_HEX, IS_SPACE, SCALAR, SCALAR_MAY_END, STRING_BYTE } from "./json-grammar.ts";

/** etcd holds objects of 1.5 MiB by default, and JSON of one may be several times that. */
export const ITEM_LIMIT = 8 * 1024 * 1024;
/** What of a list is no item: its metadata, and a Table's column definitions. */
export const ENVELOPE_LIMIT = 1024 * 1024;
/** As deep as the masker looks. */
const DEPTH_LIMIT = 1000;
/** How gzip begins in base64 (RFC 1952 §2.3.1). */
const GZIP = "H4sI";
/** Of most chunks the last item is held, until the next has come. */
const HELD_ROOM = 65_536;
/** A key of the root that is longer is none of Kubernetes'. */
const KEY_LIMIT = 256;

const NO_WORDS: ReadonlySet<string> = new Set();
const NO_LENGTHS = new Uint8Array(KEY_LIMIT);

interface ItemsOptions {
  /** Bytes of an item, and of what is around the items, at most. */
  item?: number;
  envelope?: number;
  words?: ReadonlySet<string>;
  discard?: boolean;
}

export interface Piece {
  /**
   * `before`: from the first byte to the bracket that opens the array; `between`: separators of items, in as many
   * pieces as they come; `after`: from the bracket that closes the array to the last byte, or the whole text where
   * there is no such array.
   */
  kind: "before" | "item" | "between" | "after";
  /** A view of the chunk that was pushed where it could be one. */
  bytes: Buffer;
  /** Of an item, bits of HOLDS. */
  holds: number;
}

// What is expected next.
const VALUE = 0;
const VALUE_OR_END = 1;
const KEY = 2;
const KEY_OR_END = 3;
const COLON = 4;
const COMMA_OR_END = 5;
const NOTHING = 6;
const IN_STRING = 7;
const IN_ESCAPE = 8;
const IN_HEX = 9;
const IN_SCALAR = 10;

const ARRAY = 0;
const OBJECT = 1;

/**
 * Splits the JSON text of a list at the items of its root's `items` array (a Table's `rows`), across any chunk
 * borders, and keeps no more than one item and what is around the array. Every byte that goes in comes out, in order
 * and unchanged. The text is held to all of RFC 8259, so that what is passed raw reads the same to every parser;
 * UTF-8 aside, which is for who takes the pieces. A key of the root that stands twice is refused, since parsers
 * differ in which of the two they take. Throws Refusal `unmaskable`.
 */
export class JsonItems {
  /** The key of the array that was found, `items` or `rows`. */
  key: string | undefined;
  readonly #itemLimit: number;
  readonly #envelopeLimit: number;
  readonly #held = new HeldBytes(HELD_ROOM);
  readonly #discards: boolean;
  #kind: Piece["kind"] = "before";
  #state = VALUE;
  #depth = 0;
  /** No typed array: those are memory outside the heap, and one for each event of 2,000 watches cost more than reading it. */
  readonly #stack: number[] = [];
  #scalar = 0;
  #hexLeft = 0;
  #inKey = false;
  /** The root's key that was read last. */
  #lastKey = "";
  /** Bytes of the root's key that is being read. */
  #rootKey: number[] = [];
  readonly #rootKeys = new Set<string>();
  readonly #words: ReadonlySet<string>;
  /** By length: whether there is such a word. */
  readonly #wordLengths: Uint8Array;
  /** Of the item that is being read. */
  #holds = 0;

  /**
   * `words`: plain ASCII, of less than KEY_LIMIT characters; items say whether one of their strings is one.
   * `discard`: only whether the text is one is asked; what is around its items is neither kept nor given back.
   */
  constructor({ item, envelope, words, discard }: ItemsOptions = {}) {
    this.#itemLimit = item ?? ITEM_LIMIT;
    this.#envelopeLimit = envelope ?? ENVELOPE_LIMIT;
    this.#discards = discard ?? false;
    this.#words = words ?? NO_WORDS;
    this.#wordLengths = words === undefined ? NO_LENGTHS : new Uint8Array(KEY_LIMIT);
    for (const { length } of this.#words) this.#wordLengths[length] = 1;
  }

  /** The pieces that end in this chunk. */
  push(chunk: Uint8Array): Piece[] {
    const pieces: Piece[] = [];
    const end = chunk.length;
    const stack = this.#stack;
    let state = this.#state;
    let depth = this.#depth;
    const latin1 = Buffer.from(chunk.buffer, chunk.byteOffset, end).toString("latin1");
    const plain = !hasControl(chunk);
    /** The next of each, from where the run of a string began. */
    let quote = -1;
    let backslash = -1;
    /** Where the string that is being read begins in this chunk; -1 where it began before. */
    let opened = -1;
    const wordLengths = this.#wordLengths;
    let holds = state === IN_STRING ? this.#holds | HOLDS.word | HOLDS.object : this.#holds;
    /** Where the piece that is being read begins in this chunk. */
    let from = 0;
    let i = 0;

    while (i < end) {
      const byte = chunk[i] as number;
      if (state === IN_STRING) {
        const begin = i;
        let stop = byte;
        if (opened === begin && (byte === 0x7b || (byte === 0x48 && latin1.startsWith(GZIP, begin)))) {
          holds |= HOLDS.object;
        }
        if (plain) {
          // What ends a run is looked for by V8's own search, at a tenth of what a loop over the bytes costs.
          for (;;) {
            if (quote < i) quote = indexOrEnd(latin1, '"', i);
            if (backslash < i) backslash = indexOrEnd(latin1, "\\", i);
            i = Math.min(quote, backslash);
            const escaped = i < quote ? latin1.charCodeAt(i + 1) : 0;
            if (IS_ESCAPE[escaped] !== 1) break;
            if (escaped === 0x5c) holds |= HOLDS.backslash;
            else if (escaped === 0x2f) holds |= HOLDS.slashEscape;
            i += 2;
          }
          stop = chunk[i] as number;
        } else {
          while (STRING_BYTE[stop] === 0 && ++i < end) stop = chunk[i] as number;
        }
        if (depth === 1 && this.#inKey) this.#keepKey(chunk, begin, Math.min(i + 1, end));
        if (i === end) break;
        if (stop === 0x5c) {
          state = IN_ESCAPE;
          i++;
          continue;
        }
        if (stop !== 0x22) throw malformed("a string holds a control character");
        // Where a part of the string was an escape, its bit says so.
        if (opened === begin && wordLengths[i - begin] === 1 && this.#words.has(latin1.slice(begin, i))) {
          holds |= HOLDS.word;
        }
        i++;
        if (this.#inKey) {
          state = COLON;
          this.#inKey = false;
          if (depth === 1) this.#endRootKey();
        } else {
          state = COMMA_OR_END;
          if (depth === 2 && this.#kind === "item") from = this.#endItem(pieces, chunk, from, i, holds);
        }
        continue;
      }
      if (IS_SPACE[byte] === 1 && state < IN_STRING) {
        i++;
        continue;
      }
      switch (state) {
        case VALUE_OR_END:
        case VALUE:
          if (byte === 0x5d && state === VALUE_OR_END) {
            // Closed below, where a comma could have been as well.
            state = COMMA_OR_END;
            continue;
          }
          if (depth === 2 && this.#kind === "between") {
            from = this.#beginItem(pieces, chunk, from, i);
            holds = 0;
          }
          if (byte === 0x22) {
            state = IN_STRING;
            opened = i + 1;
          } else if (byte === 0x7b || byte === 0x5b) {
            if (depth === DEPTH_LIMIT) throw malformed(`it is nested deeper than ${DEPTH_LIMIT} levels`);
            stack[++depth] = byte === 0x7b ? OBJECT : ARRAY;
            state = byte === 0x7b ? KEY_OR_END : VALUE_OR_END;
            if (depth === 2 && byte === 0x5b && this.#arrayIsWanted(stack)) {
              from = this.#endEnvelope(pieces, chunk, from, i + 1);
            }
          } else {
            this.#scalar = SCALAR[byte] as number;
            if (this.#scalar === 0) throw malformed("a value is none");
            state = IN_SCALAR;
          }
          i++;
          continue;
        case KEY_OR_END:
        case KEY:
          if (byte === 0x22) {
            state = IN_STRING;
            opened = i + 1;
            this.#inKey = true;
            if (depth === 1) this.#rootKey.length = 0;
            i++;
          } else if (byte === 0x7d && state === KEY_OR_END) {
            state = COMMA_OR_END;
          } else {
            throw malformed("a key is none");
          }
          continue;
        case COLON:
          if (byte !== 0x3a) throw malformed("a key has no colon");
          state = VALUE;
          i++;
          continue;
        case COMMA_OR_END:
          if (depth === 0) throw malformed("there is more after its end");
          if (byte === 0x2c) {
            state = stack[depth] === OBJECT ? KEY : VALUE;
          } else {
            if (byte !== (stack[depth] === OBJECT ? 0x7d : 0x5d)) throw malformed("brackets or commas are wrong");
            depth--;
            if (depth === 1 && this.#kind === "between") from = this.#endArray(pieces, chunk, from, i);
            else if (depth === 2 && this.#kind === "item") from = this.#endItem(pieces, chunk, from, i + 1, holds);
            else if (depth === 0) state = NOTHING;
          }
          i++;
          continue;
        case IN_SCALAR: {
          const next = SCALAR[this.#scalar * 256 + byte] as number;
          if (next !== 0) {
            this.#scalar = next;
            i++;
            continue;
          }
          if (SCALAR_MAY_END[this.#scalar] === 0) throw malformed("a value is none");
          state = depth === 0 ? NOTHING : COMMA_OR_END;
          if (depth === 2 && this.#kind === "item") from = this.#endItem(pieces, chunk, from, i, holds);
          continue;
        }
        case IN_ESCAPE:
          if (depth === 1 && this.#inKey) this.#keepKey(chunk, i, i + 1);
          if (byte === 0x75) {
            state = IN_HEX;
            this.#hexLeft = 4;
            holds |= HOLDS.unicodeEscape;
          } else if (IS_ESCAPE[byte] === 1) {
            state = IN_STRING;
            if (byte === 0x5c) holds |= HOLDS.backslash;
            else if (byte === 0x2f) holds |= HOLDS.slashEscape;
          } else {
            throw malformed("a string has an escape that there is not");
          }
          i++;
          continue;
        case IN_HEX:
          if (IS_HEX[byte] === 0) throw malformed("a string has an escape that there is not");
          if (depth === 1 && this.#inKey) this.#keepKey(chunk, i, i + 1);
          if (--this.#hexLeft === 0) state = IN_STRING;
          i++;
          continue;
        default:
          throw malformed("there is more after its end");
      }
    }
    this.#state = state;
    this.#depth = depth;
    this.#holds = holds;
    if (from < end) this.#keep(pieces, chunk.subarray(from));
    return pieces;
  }

  /** The rest, once the text has ended. */
  end(): Piece[] {
    const scalarEnds = this.#state === IN_SCALAR && this.#depth === 0 && SCALAR_MAY_END[this.#scalar] === 1;
    const stringEnds = this.#state === COMMA_OR_END && this.#depth === 0;
    if (this.#state !== NOTHING && !scalarEnds && !stringEnds) throw malformed("it ends before its end");
    return [{ kind: "after", bytes: this.#held.take(new Uint8Array(0)), holds: 0 }];
  }

  #keepKey(chunk: Uint8Array, from: number, to: number): void {
    if (this.#rootKey.length + to - from > KEY_LIMIT) throw malformed("a key is too long");
    for (let i = from; i < to; i++) this.#rootKey.push(chunk[i] as number);
  }

  #endRootKey(): void {
    // The quote that ends it is there; the one that begins it is not.
    const key = JSON.parse(`"${Buffer.from(this.#rootKey).toString("utf8")}`) as string;
    if (this.#rootKeys.has(key)) throw malformed("a key stands twice");
    this.#rootKeys.add(key);
    this.#lastKey = key;
  }

  #arrayIsWanted(stack: readonly number[]): boolean {
    if (stack[1] !== OBJECT || (this.#lastKey !== "items" && this.#lastKey !== "rows")) return false;
    if (this.key !== undefined) throw malformed("it has both items and rows");
    this.key = this.#lastKey;
    return true;
  }

  #endEnvelope(pieces: Piece[], chunk: Uint8Array, from: number, to: number): number {
    if (this.#held.size + to - from > this.#envelopeLimit) {
      throw tooLarge("what is around its items", this.#envelopeLimit);
    }
    pieces.push({ kind: "before", bytes: this.#held.take(chunk, from, to), holds: 0 });
    this.#kind = "between";
    return to;
  }

  #beginItem(pieces: Piece[], chunk: Uint8Array, from: number, to: number): number {
    if (to > from) pieces.push({ kind: "between", bytes: view(chunk, from, to), holds: 0 });
    this.#kind = "item";
    return to;
  }

  #endItem(pieces: Piece[], chunk: Uint8Array, from: number, to: number, holds: number): number {
    if (this.#held.size + to - from > this.#itemLimit) throw tooLarge("an item", this.#itemLimit);
    pieces.push({ kind: "item", bytes: this.#held.take(chunk, from, to), holds });
    this.#kind = "between";
    return to;
  }

  #endArray(pieces: Piece[], chunk: Uint8Array, from: number, to: number): number {
    if (to > from) pieces.push({ kind: "between", bytes: view(chunk, from, to), holds: 0 });
    this.#kind = "after";
    return to;
  }

  #keep(pieces: Piece[], part: Uint8Array): void {
    if (this.#kind === "between") {
      pieces.push({ kind: "between", bytes: view(part, 0, part.length), holds: 0 });
      return;
    }
    if (this.#discards) return;
    const item = this.#kind === "item";
    const limit = item ? this.#itemLimit : this.#envelopeLimit;
    if (this.#held.size + part.length > limit) throw tooLarge(item ? "an item" : "what is around its items", limit);
    this.#held.add(part);
  }
}

function indexOrEnd(text: string, what: string, from: number): number {
  const at = text.indexOf(what, from);
  return at < 0 ? text.length : at;
}

function view(chunk: Uint8Array, from: number, to: number): Buffer {
  return Buffer.from(chunk.buffer, chunk.byteOffset + from, to - from);
}

function malformed(what: string): Refusal {
  return new Refusal("unmaskable", `the answer is not JSON that can be masked: ${what}`);
}

function tooLarge(what: string, limit: number): Refusal {
  return new Refusal("unmaskable", `${what} of the answer is larger than ${limit} bytes and cannot be masked`, {
    next: "Ask for single objects by name.",
  });
}
