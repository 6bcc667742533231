import { Refusal } from "../../base/errors.ts";
import { parseLossless } from "../../base/lossless-json.ts";
import type { Mask } from "../decision.ts";
import { maskCells } from "./cells.ts";
import { Unpacking } from "./helm.ts";
import { ItemHints } from "./may-hold.ts";
import { type MaskerOptions, Pass } from "./pass.ts";
import { holdsPattern, namesSecret } from "./patterns.ts";
import { PLACEHOLDER } from "./placeholder.ts";
import { PlainItems } from "./plain-item.ts";
import { compileMasks, type Requested } from "./rules.ts";
import { findShape, isObject, type MaskedObject, type Shape } from "./shape.ts";

export type { MaskerOptions } from "./pass.ts";
export { LAST_APPLIED } from "./walk.ts";

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
   * object. `recorded` false: nobody puts them on record any more, and fingerprints are left out. Throws Refusal `unmaskable` where it is no JSON.
   */
  maskItem(text: string, table?: { columnDefinitions: unknown }, recorded?: boolean): MaskedAnswer<string>;
  /**
   * As maskItem on the bytes of an item that is known to be JSON, where that is possible without reading it; else
   * undefined, and nothing is changed but what the session knows.
   */
  maskBytes(item: Buffer, recorded?: boolean): MaskedAnswer<Buffer> | undefined;
  /**
   * A cheap test on the bytes of an item or a row: false only where maskItem would change nothing. `holds`: bits of
   * HOLDS (base/json-holds.ts), where the item was split with `words`.
   */
  mayMask(item: Buffer, holds?: number): boolean;
  /** What tells of an item that it may have a masked field; undefined where nothing does. */
  readonly words: ReadonlySet<string> | undefined;
  /**
   * Whether a JSON patch that reads a value under this name gets around a mask by pattern: a `test` that compares it
   * with what the pattern takes (`guess`), or a `copy` of what only its name gives away.
   */
  tellsMore(name: string, guess: { value: unknown } | undefined): boolean;
  /** What stands in the place of masked values: written back it would destroy them. */
  readonly placeholders: readonly string[];
  /** The masked fields, in steps from an object's root: for JSON patches that would read them. */
  readonly fields: (string | { any: true })[][];
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

  const unpacking = new Unpacking();

  function maskAnswer(answer: unknown): MaskedAnswer<unknown> {
    const pass = maskShape(findShape(answer), true);
    return { value: answer, maskedFields: pass.maskedFields, fingerprints: { ...pass.fingerprints } };
  }

  function maskShape(shape: Shape, recorded: boolean): Pass {
    const pass = new Pass(compiled, { ...options, recorded }, unpacking);
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

  function maskItem(text: string, table?: { columnDefinitions: unknown }, recorded = true): MaskedAnswer<string> {
    const item = parse(text);
    const answer = table === undefined ? { items: [item] } : { ...table, rows: [item] };
    const { maskedFields, fingerprints } = maskShape(findShape(answer), recorded);
    const value = maskedFields.length === 0 ? text : JSON.stringify(item);
    return { value, maskedFields, fingerprints: { ...fingerprints } };
  }

  const fields = compiled.flatMap((mask) =>
    mask.fields.map(({ steps }) =>
      // An index is any: a patch counts from the end as well (`-1`), and moves entries before it reads one.
      steps.map((step) => ("key" in step ? step.key : { any: true as const })),
    ),
  );
  const placeholders = compiled.length === 0 ? [PLACEHOLDER] : [...new Set(compiled.map((mask) => mask.placeholder))];
  const patterns = [...new Set(compiled.flatMap((mask) => mask.patterns))];
  const tellsMore: Masker["tellsMore"] = (name, guess) =>
    patterns.length > 0 && (guess === undefined ? namesSecret(name, patterns) : holdsPattern(guess, patterns));
  const hints = new ItemHints(compiled, options.known);
  const mayMask: Masker["mayMask"] = (item, holds) => hints.mayMask(item, holds);
  const plain = PlainItems.create(compiled, options);
  const maskBytes: Masker["maskBytes"] = (item, recorded = true) => plain?.mask(item, recorded);
  return { maskAnswer, maskText, maskItem, maskBytes, mayMask, words: hints.words, tellsMore, fields, placeholders };
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
