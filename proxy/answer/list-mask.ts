import { isUtf8 } from "node:buffer";
import { Refusal } from "../../base/errors.ts";
import { HOLDS } from "../../base/json-holds.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import type { Masker } from "../../engine/mask/masker.ts";
import { JsonItems, type Piece } from "../../kubernetes/json-items.ts";
import { Joined } from "./joined.ts";
import type { MaskedFields } from "./masked-fields.ts";
import type { BodyTransform } from "./stream-answer.ts";

/** What a list is made of besides its items (ListMeta and Table of meta/v1). */
const ROOT_KEYS = new Set(["kind", "apiVersion", "metadata", "columnDefinitions", "items", "rows"]);
const METADATA_KEYS = new Set(["selfLink", "resourceVersion", "continue", "remainingItemCount", "shardInfo"]);
const OPEN_BRACE = 0x7b;
/** With these an item is not masked in its bytes. */
const ESCAPES = HOLDS.unicodeEscape | HOLDS.slashEscape | HOLDS.backslash;

type Envelope = Record<string, unknown>;

/**
 * Masks a list or a Table item by item in the byte stream, with at most one of them held. Items in which nothing is
 * masked, and what is around them, pass as the bytes that they were.
 */
export class ListMask implements BodyTransform {
  readonly #masker: Masker;
  readonly #fields: MaskedFields;
  readonly #splitter: JsonItems;
  readonly #out = new Joined();
  #table: { columnDefinitions: unknown } | undefined;

  constructor(masker: Masker, fields: MaskedFields) {
    this.#masker = masker;
    this.#fields = fields;
    this.#splitter = new JsonItems({ words: masker.words ?? new Set() });
  }

  /**
   * Whether the opening bytes of an answer show a list that can be masked so: its array begins within them, and what
   * stands before it is an envelope and nothing more. Anything else must be masked whole.
   */
  static takes(masker: Masker, opening: Buffer): boolean {
    const splitter = new JsonItems();
    const [before] = splitter.push(opening);
    if (before?.kind !== "before") return false;
    const envelope = readEnvelope(masker, `${text(before.bytes)}]}`);
    return envelope !== undefined && (splitter.key === "items" || Array.isArray(envelope.columnDefinitions));
  }

  push(chunk: Buffer): Buffer[] {
    for (const piece of this.#splitter.push(chunk)) this.#add(piece);
    return this.#out.take();
  }

  end(): Buffer[] {
    for (const piece of this.#splitter.end()) this.#add(piece);
    return this.#out.take();
  }

  #add({ kind, bytes, holds }: Piece): void {
    if (kind === "item") {
      this.#addItem(bytes, holds);
      return;
    }
    if (kind === "before" && this.#splitter.key === "rows") {
      const { columnDefinitions } = parseLossless(`${text(bytes)}]}`) as Envelope;
      this.#table = { columnDefinitions };
    } else if (kind === "after" && readEnvelope(this.#masker, `{"items":[${text(bytes)}`) === undefined) {
      throw new Refusal("unmaskable", "what stands after the items of the list cannot be passed unmasked");
    }
    this.#out.add(bytes);
  }

  #addItem(bytes: Buffer, holds: number): void {
    if (bytes[0] !== OPEN_BRACE) throw new Refusal("unmaskable", "an item of the list is no object");
    const recorded = !this.#fields.full;
    const quick = (holds & ESCAPES) === 0 && this.#table === undefined && this.#masker.maskBytes(bytes, recorded);
    if (quick) {
      this.#fields.add(quick);
      this.#out.add(quick.value);
      return;
    }
    if (!this.#masker.mayMask(bytes, holds)) {
      if (!isUtf8(bytes)) throw notText();
      this.#out.add(bytes);
      return;
    }
    const item = text(bytes);
    const masked = this.#masker.maskItem(item, this.#table, recorded);
    this.#fields.add(masked);
    // Written anew even where nothing was masked: of a key that stands twice, a parser is shown one, and bytes show both.
    const value = masked.value === item ? JSON.stringify(parseLossless(item)) : masked.value;
    this.#out.add(value === item ? bytes : Buffer.from(value));
  }
}

function text(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw notText();
  return bytes.toString("utf8");
}

/** JSON is UTF-8 (RFC 8259 §8.1); readers differ in what they make of anything else. */
function notText(): Refusal {
  return new Refusal("unmaskable", "the answer is not UTF-8");
}

/** The envelope, where it may pass as it is: it has a list's fields only, and nothing in it would be masked. */
function readEnvelope(masker: Masker, json: string): Envelope | undefined {
  const envelope = parseLossless(json) as Envelope;
  const { metadata } = envelope;
  const isMetadata =
    metadata === undefined || (typeof metadata === "object" && metadata !== null && !Array.isArray(metadata));
  if (!isMetadata || Object.keys(envelope).some((key) => !ROOT_KEYS.has(key))) return undefined;
  if (Object.keys(metadata ?? {}).some((key) => !METADATA_KEYS.has(key))) return undefined;
  return masker.maskText(json).maskedFields.length === 0 ? envelope : undefined;
}
