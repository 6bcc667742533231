import { hmac } from "../../base/digest.ts";
import { Refusal } from "../../base/errors.ts";
import { isRawNumber, parseLossless } from "../../base/lossless-json.ts";
import type { Mask } from "../decision.ts";
import { maskCells } from "./cells.ts";
import { decodeBase64Text, EqualStrings } from "./equal-strings.ts";
import { selectFields, showKey } from "./field-path.ts";
import { type KnownValues, SHORTEST } from "./known-values.ts";
import { mayHold } from "./may-hold.ts";
import { encodePlaceholder, PLACEHOLDER } from "./placeholder.ts";
import { appliesTo, type CompiledMask, compileMasks, type Requested } from "./rules.ts";
import { findShape, isObject, type JsonObject, type MaskedObject, type Shape } from "./shape.ts";
import { withholdWords } from "./status-words.ts";

/** Entries of maskedFields in one answer; past them one entry `+<n> more` says how many there were. */
export const FIELDS_LIMIT = 1000;
const DEPTH_LIMIT = 1000;
export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

export interface MaskedAnswer<T> {
  value: T;
  /**
   * Paths that were masked, never values: `data.password`, or `<namespace>/<name>:data.password` where the
   * answer is about several objects (lists, tables, watch events).
   */
  maskedFields: string[];
  /** HMAC of each masked value by its entry in maskedFields, where the masker has a key: equal values can be told without being seen. */
  fingerprints: Record<string, string>;
}

export interface Masker {
  /** Masks a parsed answer in place: an object, a list, a Table, or one watch event. */
  maskAnswer(answer: unknown): MaskedAnswer<unknown>;
  /** As maskAnswer on JSON text, keeping every number exactly. Throws Refusal `unmaskable` where it is no JSON. */
  maskText(text: string): MaskedAnswer<string>;
  /**
   * Masks one item of a list, or one row of a Table (`table`: what stands beside its rows), as JSON text: the same
   * string where nothing was masked, so that its bytes can be passed as they were. Entries of maskedFields name the
   * object. Throws Refusal `unmaskable` where it is no JSON.
   */
  maskItem(text: string, table?: { columnDefinitions: unknown }): MaskedAnswer<string>;
  /** A cheap test on the bytes of an item or a row: false only where maskItem would change nothing. */
  mayMask(item: Buffer): boolean;
  /** What stands in the place of masked values: written back it would destroy them. */
  readonly placeholders: readonly string[];
  /** The masked fields, in steps from an object's root: for JSON patches that would read them. */
  readonly fields: (string | { any: true })[][];
}

/** Fields that say which object this is. A password that equals the namespace's name must not hide the namespace. */
const IDENTITY = new Set(["apiVersion", "kind", "type"]);
const IDENTITY_METADATA = new Set([
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "creationTimestamp",
  "deletionTimestamp",
  "ownerReferences",
  "managedFields",
  "continue",
]);

/** One answer's work: what was found, and where. */
class Pass {
  readonly maskedFields: string[] = [];
  readonly fingerprints: Record<string, string> = Object.create(null);
  readonly numbers = new Set<string>();
  readonly equal: EqualStrings;
  private more = 0;
  private readonly placeholder: string;
  private readonly encodedPlaceholder: string;

  private readonly masks: readonly CompiledMask[];
  private readonly hmacKey: Uint8Array | undefined;
  private readonly known: KnownValues | undefined;
  /** `shop/db:`, where paths of a single object do not say whose they are. */
  private owner = "";

  constructor(masks: readonly CompiledMask[], { hmacKey, known }: MaskerOptions) {
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
    // What is masked is the same whether it stands in a Secret, encoded, or elsewhere as it is.
    const fingerprint = this.hmacKey === undefined ? undefined : hmac(this.hmacKey, "masked-value", bytes);
    this.report(path, fingerprint);
    this.equal.add(value, encoded);
    if (this.known === undefined || bytes.equals(Buffer.from(this.placeholder))) return;
    this.known.add(bytes, { path: this.owner + path, ...(fingerprint === undefined ? {} : { fingerprint }) });
  }

  /** Masks the fields of one object, and the fields inside annotations that hold an object as JSON. */
  maskObject(object: JsonObject, prefix: string): void {
    const metadata = isObject(object.metadata) ? object.metadata : {};
    const namespace = typeof metadata.namespace === "string" ? metadata.namespace : "";
    const name = typeof metadata.name === "string" ? metadata.name : "";
    const masks = this.masks.filter((mask) => appliesTo(mask, namespace, name));
    if (masks.length === 0) return;
    this.owner = prefix === "" ? `${namespace}/${name}:` : "";
    for (const path of withholdWords(object)) this.report(prefix + path);
    this.maskFields(masks, object, prefix);
    if (isObject(metadata.annotations)) this.maskAnnotations(masks, metadata.annotations, prefix);
  }

  private maskFields(masks: CompiledMask[], root: JsonObject, prefix: string): void {
    for (const mask of masks) {
      for (const { steps, encoded } of mask.fields) {
        for (const { holder, key, value, path } of selectFields(root, steps)) {
          const masked = this.maskLeaves(mask, value, encoded, prefix + path, 0);
          if (masked !== value) (holder as JsonObject)[key] = masked;
        }
      }
    }
  }

  /** Every leaf of a selected value: strings become the placeholder, numbers 0, booleans false; keys stay. */
  private maskLeaves(mask: CompiledMask, value: unknown, encoded: boolean, path: string, depth: number): unknown {
    if (depth > DEPTH_LIMIT) throw tooDeep();
    if (value === null || value === undefined) return value;
    if (typeof value === "string") {
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
      if (typeof text !== "string" || (name !== LAST_APPLIED && !text.startsWith("{"))) continue;
      const path = `${prefix}metadata.annotations${showKey(name)}`;
      const inner = parseObject(text);
      if (inner === undefined) {
        if (name !== LAST_APPLIED) continue;
        // It holds the object as somebody applied it, and cannot be looked into.
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
    for (const [key, value] of Object.entries(object)) {
      if (IDENTITY.has(key) || key === apart) continue;
      const path = [key];
      if (key !== "metadata" || !isObject(value)) {
        this.walk(object, key, value, path, prefix);
        continue;
      }
      for (const [name, entry] of Object.entries(value)) {
        if (IDENTITY_METADATA.has(name)) continue;
        if (name === "annotations" && isObject(entry)) this.maskEqualInAnnotations(entry, prefix);
        this.walk(value, name, entry, [...path, name], prefix);
      }
    }
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

  private walk(holder: object, key: string, value: unknown, path: string[], prefix: string): void {
    if (path.length > DEPTH_LIMIT) throw tooDeep();
    if (typeof value === "string") {
      const masked = this.equal.mask(value, this.placeholder, this.encodedPlaceholder);
      if (masked !== value) this.report(prefix + showPath(path));
      const known = this.maskKnown(masked, () => prefix + showPath(path));
      if (known !== value) define(holder as JsonObject, key, known);
      return;
    }
    if (value === null || typeof value !== "object" || isRawNumber(value)) return;
    for (const [name, child] of Object.entries(value)) {
      path.push(name);
      this.walk(value, name, child, path, prefix);
      path.pop();
    }
  }

  /** Masks what this session knows from other answers, and the pods whose output it saw. */
  private maskKnown(text: string, path: () => string): string {
    const { known } = this;
    if (known === undefined || known.size === 0 || text.length < SHORTEST) return text;
    if (text === this.placeholder || text === this.encodedPlaceholder) return text;
    const bytes = Buffer.from(text, "utf8");
    const spans = known.matcher().find(bytes, known.nameLike);
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
      const masked = this.equal.mask(cell, this.placeholder, this.encodedPlaceholder);
      return this.maskKnown(masked, () => path);
    }
    const number = typeof cell === "number" ? String(cell) : isRawNumber(cell) ? cell.rawJSON : undefined;
    return number !== undefined && this.numbers.has(number) ? this.placeholder : cell;
  }

  hideCell(path: string): string {
    this.report(path);
    return this.placeholder;
  }
}

function tooDeep(): Refusal {
  return new Refusal("unmaskable", `the answer is nested deeper than ${DEPTH_LIMIT} levels and cannot be masked`);
}

/** Sets an own property, `__proto__` included. */
function define(holder: JsonObject, key: string, value: unknown): void {
  if (key !== "__proto__") holder[key] = value;
  else Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function showPath(path: string[]): string {
  return path.map((key, i) => (/^\d+$/.test(key) ? `[${key}]` : i === 0 ? key : showKey(key))).join("");
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value = parseLossless(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export interface MaskerOptions {
  /** The install's key: adds fingerprints. */
  hmacKey?: Uint8Array;
  /** What the session must not see: masked in the answer too, and what is masked in it is added. */
  known?: KnownValues;
}

/**
 * A masker for the answers to one request, or undefined where no mask applies, nothing is known, and the answer may
 * stream through untouched. Throws SyntaxError on a bad field path.
 */
export function createMasker(
  masks: readonly Mask[],
  requested: Requested,
  options: MaskerOptions = {},
): Masker | undefined {
  const compiled = compileMasks(masks, requested);
  if (compiled.length === 0 && (options.known?.size ?? 0) === 0) return undefined;

  function maskAnswer(answer: unknown): MaskedAnswer<unknown> {
    const pass = maskShape(findShape(answer));
    return { value: answer, maskedFields: pass.maskedFields, fingerprints: { ...pass.fingerprints } };
  }

  function maskShape(shape: Shape): Pass {
    const pass = new Pass(compiled, options);
    const prefixed = shape.objects.map((entry: MaskedObject) => ({ ...entry, prefix: prefixOf(entry, shape.many) }));
    for (const { object, prefix } of prefixed) pass.maskObject(object, prefix);
    for (const { object, prefix, apart } of prefixed) pass.maskEqual(object, prefix, apart);
    if (shape.table !== undefined) maskCells(shape.table, compiled, pass);
    pass.finish();
    return pass;
  }

  function maskText(text: string): MaskedAnswer<string> {
    const masked = maskAnswer(parse(text));
    return { ...masked, value: JSON.stringify(masked.value) };
  }

  function maskItem(text: string, table?: { columnDefinitions: unknown }): MaskedAnswer<string> {
    const item = parse(text);
    const answer = table === undefined ? { items: [item] } : { ...table, rows: [item] };
    const { maskedFields, fingerprints } = maskShape(findShape(answer));
    const value = maskedFields.length === 0 ? text : JSON.stringify(item);
    return { value, maskedFields, fingerprints: { ...fingerprints } };
  }

  const fields = compiled.flatMap((mask) =>
    mask.fields.map(({ steps }) =>
      steps.map((step) => ("key" in step ? step.key : "index" in step ? String(step.index) : { any: true as const })),
    ),
  );
  const placeholders = compiled.length === 0 ? [PLACEHOLDER] : [...new Set(compiled.map((mask) => mask.placeholder))];
  const mayMask = (item: Buffer): boolean => mayHold(item, compiled, options.known);
  return { maskAnswer, maskText, maskItem, mayMask, fields, placeholders };
}

function parse(text: string): unknown {
  try {
    return parseLossless(text);
  } catch {
    throw new Refusal("unmaskable", "the answer is not JSON and cannot be masked");
  }
}

function prefixOf({ object }: MaskedObject, many: boolean): string {
  if (!many) return "";
  const metadata = isObject(object.metadata) ? object.metadata : {};
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return `${text(metadata.namespace)}/${text(metadata.name)}:`;
}
