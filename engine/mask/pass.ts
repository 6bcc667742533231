import { isRawNumber, parseLossless } from "../../base/lossless-json.ts";
import { decodeBase64Text, EqualStrings } from "./equal-strings.ts";
import { selectFields, showKey } from "./field-path.ts";
import { GZIP_BASE64, HELM_RELEASE, summarizeRelease, Unpacking } from "./helm.ts";
import { fingerprintOf, type KnownValues } from "./known-values.ts";
import { managedKeys } from "./managed-fields.ts";
import { maskMatches, maskPatterns } from "./pattern-masks.ts";
import { findPatterns } from "./patterns.ts";
import { encodePlaceholder, PLACEHOLDER } from "./placeholder.ts";
import { appliesTo, type CompiledMask } from "./rules.ts";
import { isObject, type JsonObject } from "./shape.ts";
import { withholdWords } from "./status-words.ts";
import { SHORTEST } from "./value-forms.ts";
import { DEPTH_LIMIT, define, LAST_APPLIED, tooDeep, walkStrings } from "./walk.ts";

/** Entries of maskedFields in one answer; past them one entry `+<n> more` says how many there were. */
const FIELDS_LIMIT = 1000;
export interface MaskerOptions {
  /** The install's key: adds fingerprints. */
  hmacKey?: Uint8Array;
  /** False: nobody puts what is masked on record, so that no fingerprints are made. */
  recorded?: boolean;
  /** What the session must not see: masked in the answer too, and what is masked in it is added. */
  known?: KnownValues;
}

/** Longer values are masked where they stand, and not looked for in streams: a few would take all the room there is. */
export const LONGEST = 16_384;
/** No name of an object is longer (RFC 1123 subdomains), and to read binary as text is slow. */
export const NAME_LIMIT = 253;

/** One answer's work: what was found, and where. */
export class Pass {
  readonly maskedFields: string[] = [];
  readonly fingerprints: Record<string, string> = Object.create(null);
  readonly numbers = new Set<string>();
  readonly equal: EqualStrings;
  private more = 0;
  private readonly placeholder: string;
  private readonly encodedPlaceholder: string;

  private readonly masks: readonly CompiledMask[];
  private readonly hmacKey: Uint8Array | undefined;
  private readonly recorded: boolean;
  private readonly known: KnownValues | undefined;
  private readonly unpacking: Unpacking;
  /** `shop/db:`, where paths of a single object do not say whose they are. */
  private owner = "";
  private names: ReadonlySet<string> = new Set();

  constructor(
    masks: readonly CompiledMask[],
    { hmacKey, known, recorded }: MaskerOptions,
    unpacking = new Unpacking(),
  ) {
    this.recorded = recorded !== false;
    this.unpacking = unpacking;
    this.masks = masks;
    this.hmacKey = hmacKey;
    this.known = known;
    this.equal = new EqualStrings(masks.flatMap((mask) => [mask.placeholder, mask.encodedPlaceholder]));
    this.placeholder = masks[0]?.placeholder ?? PLACEHOLDER;
    this.encodedPlaceholder = masks[0]?.encodedPlaceholder ?? encodePlaceholder(PLACEHOLDER);
  }

  finish(): void {
    if (this.more > 0) this.maskedFields.push(`+${this.more} more`);
  }

  private get reported(): number {
    return this.maskedFields.length + this.more;
  }

  private report(path: string, fingerprint?: string): void {
    if (this.maskedFields.length >= FIELDS_LIMIT) {
      this.more++;
      return;
    }
    this.maskedFields.push(path);
    if (fingerprint !== undefined) this.fingerprints[path] = fingerprint;
  }

  /** Reports a value, and remembers it: it is masked wherever else it stands, in this answer and in this session. */
  private take(path: string, value: string, encoded: boolean): void {
    const bytes = encoded ? Buffer.from(value, "base64") : Buffer.from(value, "utf8");
    const fingerprint = this.fingerprintOf(bytes);
    this.report(path, fingerprint);
    this.equal.add(value, encoded);
    // A token Secret says its own namespace as a value: hiding it in every log would hide nothing.
    if (bytes.length > LONGEST || (bytes.length <= NAME_LIMIT && this.names.has(bytes.toString("utf8")))) return;
    const { hmacKey } = this;
    this.known?.add(bytes, {
      path: this.owner + path,
      ...(fingerprint !== undefined && { fingerprint }),
      ...(hmacKey !== undefined && { hmacKey }),
    });
  }

  private readonly takeText = (path: string, value: string): void => this.take(path, value, false);

  private fingerprintOf(bytes: Uint8Array): string | undefined {
    return this.hmacKey === undefined || !this.recorded ? undefined : fingerprintOf(this.hmacKey, bytes);
  }

  /** Masks the fields of one object, and the fields inside annotations that hold an object as JSON. */
  maskObject(object: JsonObject, prefix: string): void {
    const metadata = isObject(object.metadata) ? object.metadata : {};
    const namespace = typeof metadata.namespace === "string" ? metadata.namespace : "";
    const name = typeof metadata.name === "string" ? metadata.name : "";
    const masks = this.masks.filter((mask) => appliesTo(mask, namespace, name));
    if (masks.length === 0) return;
    this.names = new Set([namespace, name]);
    this.owner = prefix === "" ? `${namespace}/${name}:` : "";
    for (const path of withholdWords(object)) this.report(prefix + path);
    this.maskFields(masks, object, prefix);
    for (const mask of masks) maskPatterns(mask, object, prefix, this.takeText);
    if (isObject(metadata.annotations)) this.maskAnnotations(masks, metadata.annotations, prefix);
    if (Array.isArray(metadata.managedFields)) this.maskManaged(masks, metadata.managedFields, prefix);
  }

  private maskManaged(masks: CompiledMask[], managedFields: unknown[], prefix: string): void {
    for (const { placeholder, fields, patterns } of masks) {
      const found = fields.flatMap(({ steps }) => managedKeys(managedFields, steps));
      const all = patterns.length === 0 ? [] : managedKeys(managedFields, []);
      found.push(...all.filter(({ key }) => findPatterns(key, patterns).length > 0));
      for (const [i, { holder, key }] of found.entries()) {
        // Two fields may take the same one, and an answer may be masked already.
        if (!Object.hasOwn(holder, key) || key.includes(placeholder)) continue;
        // Numbered: of a set there are many.
        define(holder, `${key.slice(0, 2)}${JSON.stringify(`${placeholder} ${i}`)}`, holder[key]);
        delete holder[key];
      }
      if (found.length > 0) this.report(`${prefix}metadata.managedFields`);
    }
  }

  private maskFields(masks: CompiledMask[], root: JsonObject, prefix: string): void {
    for (const mask of masks) {
      for (const { steps, encoded } of mask.fields) {
        for (const { holder, key, value, path } of selectFields(root, steps)) {
          const masked = isHelmRelease(root, key, value)
            ? this.maskRelease(mask, value, prefix + path)
            : this.maskLeaves(mask, value, encoded, prefix + path, 0);
          if (masked !== value) (holder as JsonObject)[key] = masked;
        }
      }
    }
  }

  /** What Helm keeps of a release is masked inside, so that it can still be listed; whole where it cannot be read. */
  private maskRelease(mask: CompiledMask, value: string, path: string): string {
    if (value === mask.placeholder || value === mask.encodedPlaceholder) return value;
    const summary = summarizeRelease(value, mask.placeholder, this.unpacking);
    if (summary === value) return value;
    this.report(path, this.fingerprintOf(Buffer.from(value, "base64")));
    return summary ?? mask.encodedPlaceholder;
  }

  /** Every leaf of a selected value: strings become the placeholder, numbers 0, booleans false; keys stay. */
  private maskLeaves(mask: CompiledMask, value: unknown, encoded: boolean, path: string, depth: number): unknown {
    if (depth > DEPTH_LIMIT) throw tooDeep();
    if (value === null || value === undefined) return value;
    if (typeof value === "string") {
      // Another mask was here first.
      if (value === mask.placeholder || value === mask.encodedPlaceholder) return value;
      this.take(path, value, encoded);
      return encoded ? mask.encodedPlaceholder : mask.placeholder;
    }
    if (typeof value === "number" || isRawNumber(value)) {
      this.report(path);
      this.numbers.add(typeof value === "number" ? String(value) : value.rawJSON);
      return 0;
    }
    if (typeof value === "boolean") {
      this.report(path);
      return false;
    }
    for (const [key, child] of Object.entries(value)) {
      const at = Array.isArray(value) ? `${path}[${key}]` : path + showKey(key);
      const masked = this.maskLeaves(mask, child, encoded, at, depth + 1);
      if (masked !== child) define(value as JsonObject, key, masked);
    }
    return value;
  }

  private maskAnnotations(masks: CompiledMask[], annotations: JsonObject, prefix: string): void {
    for (const [name, text] of Object.entries(annotations)) {
      if (typeof text !== "string") continue;
      const packed = text.startsWith(GZIP_BASE64) && masks.some((mask) => mask.fields.length > 0);
      if (name !== LAST_APPLIED && !packed && !text.startsWith("{")) continue;
      const path = `${prefix}metadata.annotations${showKey(name)}`;
      const inner = parseObject(text);
      if (inner === undefined) {
        if (name !== LAST_APPLIED && !packed) continue;
        // It holds the object as somebody applied it, and cannot be looked into; Rancher packs it (objectset.rio.cattle.io/applied).
        this.report(path);
        define(annotations, name, this.placeholder);
        continue;
      }
      const before = this.reported;
      this.maskFields(masks, inner, `${path}.`);
      if (this.reported !== before) define(annotations, name, JSON.stringify(inner));
    }
  }

  /** Masks strings that equal a masked value anywhere else in the answer. */
  maskEqual(object: JsonObject, prefix: string, apart?: string): void {
    if (this.equal.size === 0 && (this.known?.size ?? 0) === 0) return;
    const { metadata } = object;
    if (isObject(metadata) && isObject(metadata.annotations)) this.maskEqualInAnnotations(metadata.annotations, prefix);
    walkStrings(object, { apart, owners: false }, (text, path) => this.maskString(text, () => prefix + path()));
  }

  /** Annotations that hold an object: what stands in it as a whole string is too short to be found as a part of the text. */
  private maskEqualInAnnotations(annotations: JsonObject, prefix: string): void {
    for (const [name, text] of Object.entries(annotations)) {
      const inner = typeof text === "string" && text.startsWith("{") ? parseObject(text) : undefined;
      if (inner === undefined) continue;
      const before = this.reported;
      this.maskEqual(inner, `${prefix}metadata.annotations${showKey(name)}.`);
      if (this.reported !== before) define(annotations, name, JSON.stringify(inner));
    }
  }

  private maskString(text: string, path: () => string): string {
    const masked = this.equal.mask(text, this.placeholder, this.encodedPlaceholder);
    if (masked !== text) this.report(path());
    return this.maskKnown(masked, path);
  }

  /** Masks what this session knows from other answers, and the pods whose output it saw. */
  private maskKnown(text: string, path: () => string): string {
    const { known } = this;
    if (known === undefined || known.size === 0 || text.length < SHORTEST) return text;
    if (text === this.placeholder || text === this.encodedPlaceholder) return text;
    const bytes = Buffer.from(text, "utf8");
    if (!known.mayStandIn(bytes)) return text;
    const spans = known.find(bytes);
    const [first] = spans;
    if (first === undefined) return text;
    this.report(path(), known.originOf(first.value).fingerprint);
    if (spans.length === 1 && first.end - first.start === bytes.length) {
      return decodeBase64Text(text) === undefined ? this.placeholder : this.encodedPlaceholder;
    }
    const parts = spans.map(({ start }, i) => bytes.toString("utf8", spans[i - 1]?.end ?? 0, start) + this.placeholder);
    return parts.join("") + bytes.toString("utf8", spans.at(-1)?.end);
  }

  maskCell(cell: unknown, path: string): unknown {
    if (typeof cell === "string") {
      const shown = this.masks.reduce((text, mask) => maskMatches(mask, text, () => path, "", this.takeText), cell);
      return this.maskString(shown, () => path);
    }
    const number = typeof cell === "number" ? String(cell) : isRawNumber(cell) ? cell.rawJSON : undefined;
    return number !== undefined && this.numbers.has(number) ? this.placeholder : cell;
  }

  hideCell(path: string): string {
    this.report(path);
    return this.placeholder;
  }
}

function isHelmRelease(root: JsonObject, key: string | number, value: unknown): value is string {
  return root.type === HELM_RELEASE && key === "release" && typeof value === "string";
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value = parseLossless(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
