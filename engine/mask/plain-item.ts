import { isAscii, isUtf8 } from "node:buffer";
import { showKey } from "./field-path.ts";
import { fingerprintOf, type KnownValues } from "./known-values.ts";
import type { MaskedAnswer } from "./masker.ts";
import { LONGEST, type MaskerOptions, NAME_LIMIT } from "./pass.ts";
import { eachEntry, endOfString, endOfValue } from "./plain-json.ts";
import { appliesTo, type CompiledMask } from "./rules.ts";
import { SHORTEST } from "./value-forms.ts";
import { IDENTITY, isIdentityMetadata } from "./walk.ts";

/** Keys of an item's root that are no field with values of their own. */
const ROOT = new Set([...IDENTITY, "metadata"]);
/** Under this key Helm keeps a release, of which a part is shown. */
const RELEASE = "release";

/** The strings of an item, and where they stand in its text. */
interface Found {
  namespace: string;
  name: string;
  /** Masked values: where each begins and ends, and its path. */
  spans: number[];
  paths: string[];
  /** Begin and end of each string in which a masked value may be hidden too. */
  others: number[];
}

/**
 * Masks items of a list in their bytes, without reading them into objects: base64 in a field of the root, as Secrets
 * have it, in JSON as an API server writes it, where no other string of the item begins like anything that is masked
 * in it or known to its session. Whatever else it meets it leaves to Pass, of which it is the same in effect: the
 * same value to every reader of JSON, the same fields on record, the same values known afterwards.
 */
export class PlainItems {
  readonly #mask: CompiledMask;
  /** By the key of the root: the key as a path shows it; undefined where its values are no base64. */
  readonly #fields: ReadonlyMap<string, string | undefined>;
  readonly #known: KnownValues | undefined;
  readonly #hmacKey: Uint8Array | undefined;

  private constructor(mask: CompiledMask, { known, hmacKey }: MaskerOptions) {
    this.#mask = mask;
    this.#known = known;
    this.#hmacKey = hmacKey;
    this.#fields = new Map(
      mask.fields.map(({ steps, encoded }) => {
        const [first] = steps;
        const key = first !== undefined && "key" in first ? first.key : "";
        return [key, encoded ? showKey(key).replace(/^\./, "") : undefined];
      }),
    );
  }

  /** Undefined where the masks ask for more than this can do. */
  static create(masks: readonly CompiledMask[], options: MaskerOptions): PlainItems | undefined {
    const [mask] = masks;
    if (mask === undefined || masks.length > 1 || mask.patterns.length > 0 || mask.fields.length === 0)
      return undefined;
    const simple = mask.fields.every(({ steps: [first, second, ...deeper] }) => {
      const isRoot = first !== undefined && "key" in first && !ROOT.has(first.key);
      return isRoot && second !== undefined && "any" in second && second.any === "key" && deeper.length === 0;
    });
    const plain = [mask.placeholder, mask.encodedPlaceholder].every((text) => /^[\w*+/=<>() -]+$/.test(text));
    return simple && plain ? new PlainItems(mask, options) : undefined;
  }

  /** The item without its values, or undefined where it has to be read. `recorded` as for Masker.maskItem. */
  mask(item: Buffer, recorded: boolean): MaskedAnswer<Buffer> | undefined {
    if (!isAscii(item)) return undefined;
    const text = item.toString("latin1");
    if (text.includes("\\")) return undefined;
    const found = this.#find(text);
    if (found === undefined || found.paths.length === 0) return undefined;
    if (!appliesTo(this.#mask, found.namespace, found.name)) return undefined;
    return this.#take(item, text, found, recorded);
  }

  #find(text: string): Found | undefined {
    const found: Found = { namespace: "", name: "", spans: [], paths: [], others: [] };
    const end = eachEntry(text, 0, (key, at) => {
      if (this.#fields.has(key)) return this.#findValues(text, at, this.#fields.get(key), found);
      if (key === "metadata") return findMetadata(text, at, found);
      if (key === "kind" && text.startsWith('"Status"', at)) return -1;
      return endOfValue(text, at, IDENTITY.has(key) ? undefined : found.others);
    });
    return end === text.length ? found : undefined;
  }

  #findValues(text: string, from: number, shown: string | undefined, found: Found): number {
    if (shown === undefined) return -1;
    return eachEntry(text, from, (key, at) => {
      const end = endOfString(text, at);
      // JavaScript visits keys that are numbers first, and so does the record.
      if (end < 0 || key === RELEASE || /^\d/.test(key)) return -1;
      found.spans.push(at + 1, end);
      found.paths.push(shown + showKey(key));
      return end + 1;
    });
  }

  #take(item: Buffer, text: string, found: Found, recorded: boolean): MaskedAnswer<Buffer> | undefined {
    const { placeholder, encodedPlaceholder } = this.#mask;
    const { spans, namespace, name } = found;
    const prefix = `${namespace}/${name}:`;
    const maskedFields: string[] = [];
    const fingerprints: Record<string, string> = {};
    const beginnings = new Beginnings();
    const hmacKey = this.#hmacKey;
    let out = "";
    let done = 0;
    for (const [i, path] of found.paths.entries()) {
      const begin = spans[i * 2] as number;
      const end = spans[i * 2 + 1] as number;
      const value = text.slice(begin, end);
      if (value === placeholder || value === encodedPlaceholder) return undefined;
      const bytes = Buffer.from(value, "base64");
      if (found.others.length > 0 && !beginnings.add(value, bytes)) return undefined;
      const full = prefix + path;
      maskedFields.push(full);
      const fingerprint = recorded && hmacKey !== undefined ? fingerprintOf(hmacKey, bytes) : undefined;
      if (fingerprint !== undefined) fingerprints[full] = fingerprint;
      this.#remember(bytes, full, fingerprint, found);
      out += text.slice(done, begin) + encodedPlaceholder;
      done = end;
    }
    if (this.#mayStandElsewhere(item, text, found.others, beginnings)) return undefined;
    return { value: Buffer.from(out + text.slice(done), "latin1"), maskedFields, fingerprints };
  }

  #remember(bytes: Buffer, path: string, fingerprint: string | undefined, { namespace, name }: Found): void {
    if (this.#known === undefined || bytes.length > LONGEST) return;
    if (bytes.length <= NAME_LIMIT && (bytes.equals(Buffer.from(name)) || bytes.equals(Buffer.from(namespace)))) return;
    const hmacKey = this.#hmacKey;
    this.#known.add(bytes, {
      path,
      ...(fingerprint !== undefined && { fingerprint }),
      ...(hmacKey !== undefined && { hmacKey }),
    });
  }

  #mayStandElsewhere(item: Buffer, text: string, others: number[], beginnings: Beginnings): boolean {
    const known = this.#known;
    for (let i = 0; i < others.length; i += 2) {
      const begin = others[i] as number;
      const end = others[i + 1] as number;
      if (beginnings.mayStandIn(text, begin, end)) return true;
      const isKnown = known !== undefined && known.size > 0 && end - begin >= SHORTEST;
      if (isKnown && known.mayStandIn(item.subarray(begin, end))) return true;
    }
    return false;
  }
}

function findMetadata(text: string, from: number, found: Found): number {
  return eachEntry(text, from, (key, at) => {
    if (key !== "name" && key !== "namespace") {
      return endOfValue(text, at, isIdentityMetadata(key) ? undefined : found.others);
    }
    const end = endOfString(text, at);
    if (end < 0) return -1;
    found[key] = text.slice(at + 1, end);
    return end + 1;
  });
}

/** A longer value with next to nothing but spaces in it is for Pass. */
const SPACES_LIMIT = 64;

/** How values begin in each form that EqualStrings looks for, and that a string without escapes can hold. */
class Beginnings {
  readonly #bits = new Uint32Array(32);
  readonly #blocks: number[] = [];

  /** False where it cannot be told. */
  add(value: string, bytes: Buffer): boolean {
    if (value === "") return true;
    const padding = value.endsWith("==") ? 2 : value.endsWith("=") ? 1 : 0;
    // No base64, or none that is written in the one usual way.
    if (value.length % 4 !== 0 || bytes.length !== (value.length / 4) * 3 - padding) return false;
    this.#enter(value);
    if (!isUtf8(bytes)) return true;
    // Without spaces before it the text begins otherwise.
    if (maySpace(bytes[0])) return false;
    if (bytes.length >= 4) this.#enter(bytes.toString("latin1", 0, 4));
    if (bytes.length < 4 || maySpace(bytes[2]) || maySpace(bytes[3])) {
      // Without spaces after it so little may be left that its base64 begins otherwise.
      if (bytes.length > SPACES_LIMIT) return false;
      for (let end = bytes.length; end > 0; end--) {
        this.#enter(bytes.toString("base64", 0, end));
        if (!maySpace(bytes[end - 1])) break;
      }
    }
    return true;
  }

  #enter(form: string): void {
    if (form.length < 4) return;
    const block = blockAt(form, 0);
    this.#blocks.push(block);
    const at = hash(block);
    this.#bits[at >>> 5] = (this.#bits[at >>> 5] as number) | (1 << (at & 31));
  }

  mayStandIn(text: string, begin: number, end: number): boolean {
    for (let i = begin; i + 4 <= end; i++) {
      const block = blockAt(text, i);
      const at = hash(block);
      if (((this.#bits[at >>> 5] as number) & (1 << (at & 31))) !== 0 && this.#blocks.includes(block)) return true;
    }
    return false;
  }
}

/** Whether a byte may be of what String.trim takes, which has spaces beyond ASCII. */
function maySpace(byte = 0): boolean {
  return byte <= 0x20 || byte >= 0x80;
}

function blockAt(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

function hash(block: number): number {
  return Math.imul(block, -1_640_531_535) >>> 22;
}
