import { HOLDS } from "../../base/json-holds.ts";
import type { Step } from "./field-path.ts";
import { GZIP_BASE64 } from "./helm.ts";
import type { KnownValues } from "./known-values.ts";
import { mayHoldPattern, type Pattern } from "./patterns.ts";
import type { CompiledMask } from "./rules.ts";
import { LAST_APPLIED } from "./walk.ts";

/** A key that JSON writes as it is, but for escapes that HOLDS tells. */
const PLAIN = /^[\w./ -]{1,250}$/;
const STATUS = "Status";
const CELLS = "cells";
/** What of HOLDS may hide a field: an annotation may hold the object as it was applied, in escapes. */
const HIDES_FIELDS = HOLDS.word | HOLDS.unicodeEscape | HOLDS.slashEscape | HOLDS.object;

/** Whether items of a list, as bytes, may hold anything to mask: false only where certain. */
export class ItemHints {
  /**
   * An item has a field of the masks only where one of these is one of its strings, or in an object that stands in
   * one of its strings, or written with escapes. Undefined where any item may have one.
   */
  readonly words: ReadonlySet<string> | undefined;
  readonly #masked: boolean;
  /** By field: the keys on its path that are looked for. */
  readonly #paths: string[][];
  readonly #patterns: Pattern[];
  readonly #hidesCells: boolean;
  readonly #known: KnownValues | undefined;

  constructor(masks: readonly CompiledMask[], known: KnownValues | undefined) {
    this.#masked = masks.length > 0;
    // The last key tells most: every Secret has `data`.
    this.#paths = masks.flatMap((mask) => mask.fields.map(({ steps }) => plainKeys(steps).reverse()));
    this.#patterns = [...new Set(masks.flatMap((mask) => mask.patterns))];
    this.#hidesCells = masks.some((mask) => mask.hidesCells);
    this.#known = known;
    const last = this.#paths.map(([key]) => key);
    if (last.every((key) => key !== undefined)) {
      // As `f:spec` it stands in managedFields, whose keys may hold values.
      this.words = new Set([
        ...last.flatMap((key) => [`${key}`, `f:${key}`]),
        LAST_APPLIED,
        STATUS,
        ...(this.#hidesCells ? [CELLS] : []),
      ]);
    }
  }

  /** `holds`: bits of HOLDS where the item was split with `words`. */
  mayMask(item: Buffer, holds?: number): boolean {
    if (this.#masked) {
      const told = holds !== undefined && this.words !== undefined;
      if (!(told && (holds & HIDES_FIELDS) === 0) && this.#mayHoldField(item)) return true;
      if (mayHoldPattern(item, this.#patterns)) return true;
    }
    const known = this.#known;
    if (known === undefined || known.size === 0) return false;
    // Values are looked for in JSON and in JSON in JSON; deeper, only a reader finds them.
    const backslash = holds === undefined ? item.includes("\\\\") : (holds & HOLDS.backslash) !== 0;
    if (backslash && known.escaped) return true;
    const escapes = holds === undefined || (holds & (HOLDS.unicodeEscape | HOLDS.slashEscape)) !== 0;
    return (escapes && hasOddEscapes(item)) || known.standsIn(item);
  }

  #mayHoldField(item: Buffer): boolean {
    // First what is found first: of an object that has the fields, nothing more is read.
    if (this.#paths.some((keys) => keys.every((key) => item.includes(key)))) return true;
    // The last-applied annotation is masked whole where it cannot be read; a Status may quote values.
    if (this.#paths.length > 0 && item.includes(GZIP_BASE64)) return true;
    if (item.includes("\\u") || item.includes("\\/") || item.includes(LAST_APPLIED)) return true;
    return item.includes(`"${STATUS}"`) || (this.#hidesCells && item.includes(`"${CELLS}"`));
  }
}

function plainKeys(steps: readonly Step[]): string[] {
  return steps.flatMap((step) => ("key" in step && PLAIN.test(step.key) ? [step.key] : []));
}

/** Escapes that Go's encoding/json does not write: values are not looked for in these forms. */
function hasOddEscapes(item: Buffer): boolean {
  if (item.includes("\\/")) return true;
  for (let at = item.indexOf("\\u"); at >= 0; at = item.indexOf("\\u", at + 2)) {
    const code = item.toString("latin1", at + 2, at + 6);
    if (!GO_ESCAPES.has(code)) return true;
  }
  return false;
}

/** encoding/json escapes these, and control characters. */
const GO_ESCAPES = new Set(["003c", "003e", "0026", "2028", "2029"]);
